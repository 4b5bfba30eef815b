"""Describes the calls as OpenAPI: what FastAPI derives from the routes, and what only a running server knows.

That is which languages its engine has, how long texts may be, and whether an API key is needed.
"""

import copy
from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI

from api_service.problems import ProblemDocument
from api_service.schemas import Upload, language_pattern
from api_service.settings import ApiSettings

Schema = dict[str, Any]

TAGS: Final = [
    {"name": "classic", "description": "Register a submission, ask for its execution, list what came of it."},
    {"name": "files", "description": "Texts that are too long for a list or a mail, by signed links."},
    {"name": "mail", "description": "The way out that every mail names, by signed links."},
    {"name": "health", "description": "For load balancers and supervisors."},
]
DESCRIPTION: Final = (
    "Errors are problem documents (RFC 9457) whose `detail` says what to change. Two errors of `/check_email/` are the"
    " original system's, and no problem documents. Each path is answered with a slash at its end and without."
)

#: The file's field: text, whose media type makes it a file. The first alternative admits no text: it is there for the
#: generators of clients, which know a file by that format alone. Alone it would admit bytes that are not text.
_FILE: Final[Schema] = {
    "type": "string",
    "contentMediaType": "application/octet-stream",
    "minLength": 1,
    "pattern": r"^[^\u0000]*[^\u0000\t-\r ][^\u0000]*$",
    "anyOf": [{"type": "string", "format": "binary", "maxLength": 0}, {"type": "string"}],
    "examples": ["print(input())\n"],
}
_FORM: Final = "SubmissionForm"
_FILE_ALONE: Final = "SourceForm"


def form(*, of_file_alone: bool = False) -> Schema:
    """Return the description of a request's body: a form with all fields of a submission, or with its file alone."""
    name = _FILE_ALONE if of_file_alone else _FORM
    content = {"multipart/form-data": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"requestBody": {"required": True, "content": content}}


def query_parameters() -> list[Schema]:
    """Return the descriptions of the fields of a submission as parameters of the query string."""
    upload = Upload.model_json_schema()
    return [
        {"name": name, "in": "query", "required": name in upload["required"], "schema": schema}
        for name, schema in upload["properties"].items()
    ]


def describe(app: FastAPI, settings: ApiSettings, languages: Sequence[str], *, is_key_needed: bool) -> Schema:
    """Return the OpenAPI document. `languages` are the codes of those that the engine has."""
    document = copy.deepcopy(app.openapi())
    upload = Upload.model_json_schema()
    fields = upload["properties"]
    file = {
        **_FILE,
        "maxLength": settings.max_source_bytes,
        "description": "The program, text in UTF-8, as a file with a plain name."
        f" It may have {settings.max_source_bytes} bytes.",
    }
    document["components"]["schemas"] |= {
        "ProblemDocument": ProblemDocument.model_json_schema(),
        _FORM: {
            "type": "object",
            "description": "A submission.",
            "properties": {
                **fields,
                "inputs": {
                    **fields["inputs"],
                    "maxLength": settings.max_input_bytes,
                    "description": f"{fields['inputs']['description']} It may have {settings.max_input_bytes} bytes.",
                },
                "file": file,
            },
            "required": [*upload["required"], "file"],
        },
        _FILE_ALONE: {
            "type": "object",
            "description": "The file of a submission whose other fields are in the query string.",
            "properties": {"file": file},
            "required": ["file"],
        },
    }
    for language in _languages(document):
        language["pattern"] = language_pattern(languages)
        language["description"] = f"One of {', '.join(languages)}, or another usual name of it, in any case."
    if not is_key_needed:
        for operation in (operation for path in document["paths"].values() for operation in path.values()):
            if "security" in operation:
                operation["security"].append({})
    return {**_tidy(document), "info": document["info"]}


def _languages(document: Schema) -> list[Schema]:
    parameters = document["paths"]["/submit_email/"]["post"]["parameters"]
    return [
        document["components"]["schemas"][_FORM]["properties"]["language"],
        *(parameter["schema"] for parameter in parameters if parameter["name"] == "language"),
    ]


def _tidy(node: Any) -> Any:
    """Return the node without what pydantic adds: titles made of names, and `null` for what may be left out."""
    if isinstance(node, dict):
        return {
            key: _tidy(value)
            for key, value in node.items()
            if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
        }
    return [_tidy(one) for one in node] if isinstance(node, list) else node
