"""The tools, as agents see them: names, descriptions, and schemas of arguments and results. Pure.

The arguments are the keys of a submission of API v1, under their names and rules, but `code` is its `source`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final

from mcp import types
from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from api_service.doors.mcp.results import LanguagesResult, RunResult, SubmissionResult, keys_of
from api_service.v1.body.submission import SubmissionBody, TestBody, Text
from api_service.v1.protocol.validation import Strict
from shared.engine.run_call import MAX_TESTS

#: The most seconds that `submit_program` and `get_submission` wait. Clients give up after 60.
MAX_WAIT_S: Final = 50

INSTRUCTIONS: Final = (
    "Runs programs in a sandbox: in many languages, without a network, and with limits of time and memory. `run_code`"
    " runs one now. Each run begins with nothing but the files that are sent with it: there is no state between calls."
    " Send tests to run a program on several inputs and compare its outputs."
)


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
    **keys_of(SubmissionBody, "checker", "stop_at_first_failure"),
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


class NoArguments(Strict):
    pass


#: What agents read in place of the descriptions of API v1, whose calls they do not know.
_DESCRIPTIONS: Final = {
    "language": "A code, name or alias of `list_languages`, in any case.",
    "code": "The program. Send either this or `files`.",
    "files": "The program and the files that it reads. Send either this or `code`.",
    "args": "The program's arguments.",
    "compiler_args": "Options of the compiler, of those that the operator allows.",
    "limits": "Lower or higher limits than the operator's defaults.",
}


class _Schema(GenerateJsonSchema):
    """Schemas without titles, which only repeat the names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


@cache
def _arguments_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of arguments. A model reads it each time, so it has no more than a model needs."""
    schema = _schema_of(model, "validation")
    for described in (schema, *schema.get("$defs", {}).values()):
        described.pop("description", None)
        described["properties"] = {name: _plain(key) for name, key in described["properties"].items()}
    for name in schema["properties"].keys() & _DESCRIPTIONS.keys():
        schema["properties"][name]["description"] = _DESCRIPTIONS[name]
    return schema


def _plain(key: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an argument without null, which means the same as leaving it out."""
    kinds = [kind for kind in key.get("anyOf", ()) if kind != {"type": "null"}]
    whole = {**kinds[0], **key} if len(kinds) == 1 else {**key}
    return {name: value for name, value in whole.items() if name not in ("anyOf", "default", "examples", "pattern")}


@cache
def _result_schema(model: type[BaseModel]) -> dict[str, Any]:
    return _schema_of(model, "serialization")


def _schema_of(model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Any]:
    schema = model.model_json_schema(mode=mode, schema_generator=_Schema)
    for described in (schema, *schema.get("$defs", {}).values()):
        described.pop("title", None)
    return schema


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool. Its `description` may name the languages that are there, in the place of `{languages}`."""

    name: str
    title: str
    description: str
    arguments: type[BaseModel]
    result: type[BaseModel]
    annotations: types.ToolAnnotations


#: The tools by their names, in the order in which they are listed.
TOOLS: Final[Mapping[str, Tool]] = {
    tool.name: tool
    for tool in (
        Tool(
            "run_code",
            "Run code",
            "Runs a program in a sandbox, and returns what it printed and how it ended. Languages: {languages}. The"
            " program has no network, and finds nothing of earlier calls. It starts in a folder that has the files that"
            " are sent, and the folder `out`: files that it writes there, such as pictures, come back, unless there are"
            " `tests`. A program that fails is a result too: `verdict`, `exit_code` and `stderr` say how.",
            RunArguments,
            RunResult,
            types.ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False),
        ),
        Tool(
            "submit_program",
            "Submit a program",
            "Stores a program and queues its run, for programs that take long, or whose result shall be kept or mailed."
            " With `email`, the result is mailed to that address: this tool sends mail. `get_submission` returns the"
            " result. The program has no network, and finds nothing of earlier calls.",
            SubmitArguments,
            SubmissionResult,
            types.ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True),
        ),
        Tool(
            "get_submission",
            "Get a submission",
            "Returns the state and the result of a program that `submit_program` has stored. Files that it wrote to"
            " `out` are links that need the API key.",
            GetArguments,
            SubmissionResult,
            types.ToolAnnotations(read_only_hint=True, open_world_hint=False),
        ),
        Tool(
            "list_languages",
            "List the languages",
            "Lists the languages in which programs can be run here, with their versions and the libraries that programs"
            " may import. No others can be installed by a program.",
            NoArguments,
            LanguagesResult,
            types.ToolAnnotations(read_only_hint=True, open_world_hint=False),
        ),
    )
}


def listed(names: Collection[str], codes: Sequence[str]) -> list[types.Tool]:
    """Return the tools of these names, for a server with these languages."""
    return [
        types.Tool(
            name=tool.name,
            title=tool.title,
            description=tool.description.format(languages=", ".join(codes) or "see `list_languages`"),
            input_schema=_arguments_schema(tool.arguments),
            output_schema=_result_schema(tool.result),
            annotations=tool.annotations,
        )
        for tool in TOOLS.values()
        if tool.name in names
    ]
