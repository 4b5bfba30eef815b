"""The tools, as agents see them: names, descriptions, and schemas of arguments and results. Pure.

The arguments are the keys of a submission of API v1, under their names and rules, but `code` is its `source`.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

from mcp import types
from pydantic import BaseModel, Field, create_model

from api_service.agent_tools.results import LanguagesResult, RunResult, SubmissionResult, keys_of
from api_service.http.openapi import Schema, tidy, without_null
from api_service.requests.fields import Text
from api_service.requests.validation import NoQuery, Strict
from api_service.v1.body.submission import SubmissionBody, TestBody
from shared.engine_api.run_call.limits import MAX_TESTS

#: The most seconds that `submit_program` and `get_submission` wait. Clients give up after 60.
MAX_WAIT_S: Final = 50
#: What schemas have that agents do not need.
_UNUSED: Final = frozenset({"default", "examples", "pattern"})
#: What agents read: of the server, of arguments in place of the descriptions of API v1, whose calls they do not know,
#: and of the tools. A tool's `description` may name the languages that are there, in the place of `{languages}`.
_ABOUT: Final = json.loads((Path(__file__).parent / "tools.json").read_text())
INSTRUCTIONS: Final[str] = _ABOUT["instructions"]


TestArguments: Final = create_model(
    "Test",
    __base__=Strict,
    __doc__="One run of the program.",
    **keys_of(TestBody, "name", "stdin", "args", "expected_output", "limits", "points"),
)
_Tests: Any = Annotated[list[TestArguments], Field(min_length=1, max_length=MAX_TESTS)]  # type: ignore[valid-type]
_tests: Final = SubmissionBody.model_fields["tests"]
RunArguments: Final = create_model(
    "RunArguments",
    __base__=Strict,
    **keys_of(SubmissionBody, "language"),
    code=(Text | None, Field(default=None, repr=False)),
    **keys_of(SubmissionBody, "files", "entry", "stdin", "args", "compiler_args", "limits"),
    tests=(_Tests | None, _tests),
    **keys_of(SubmissionBody, "unit_tests", "checker", "stop_at_first_failure"),
)


class _Waiting(Strict):
    wait_s: Annotated[int, Field(ge=0, le=MAX_WAIT_S)] | None = Field(
        default=None, description="Seconds to wait for the result; 0 if it is null."
    )


SubmitArguments: Final = create_model(
    "SubmitArguments",
    __base__=(_Waiting, RunArguments),
    **keys_of(SubmissionBody, "email", "locale", "receipt", "metadata"),
)


class GetArguments(_Waiting):
    id: Annotated[int, Field(ge=1, le=(1 << 63) - 1)] = Field(description="The id that `submit_program` returned.")


#: The models of the arguments and the result of each tool, in the order in which they are listed.
TOOLS: Final[Mapping[str, tuple[type[BaseModel], type[BaseModel]]]] = {
    "run_code": (RunArguments, RunResult),
    "submit_program": (SubmitArguments, SubmissionResult),
    "get_submission": (GetArguments, SubmissionResult),
    "list_languages": (NoQuery, LanguagesResult),
}


def listed(names: Collection[str], codes: Sequence[str]) -> list[types.Tool]:
    """Return the tools of these names, for a server with these languages."""
    languages = ", ".join(codes) or "see `list_languages`"
    return [
        types.Tool(
            name=name,
            title=_ABOUT["tools"][name]["title"],
            description=_ABOUT["tools"][name]["description"].format(languages=languages),
            input_schema=_arguments_schema(arguments),
            output_schema=_result_schema(result),
            annotations=types.ToolAnnotations(**_ABOUT["tools"][name]["annotations"]),
        )
        for name, (arguments, result) in TOOLS.items()
        if name in names
    ]


@cache
def _arguments_schema(model: type[BaseModel]) -> Schema:
    """Return the schema of arguments, with only what a model needs: it is read each time.

    No argument may be null, which means the same as leaving it out.
    """
    schema: Schema = tidy(model.model_json_schema())
    for described in (schema, *schema.get("$defs", {}).values()):
        described.pop("description", None)
        described["properties"] = {
            name: {key: value for key, value in without_null(argument).items() if key not in _UNUSED}
            for name, argument in described["properties"].items()
        }
    for name in schema["properties"].keys() & _ABOUT["arguments"].keys():
        schema["properties"][name]["description"] = _ABOUT["arguments"][name]
    return schema


@cache
def _result_schema(model: type[BaseModel]) -> Schema:
    schema: Schema = tidy(model.model_json_schema(mode="serialization"))
    return schema
