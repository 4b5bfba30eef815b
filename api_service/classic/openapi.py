"""Describes the calls as OpenAPI.

FastAPI derives most of it from the routes. A running server adds its languages, its limits, and if it needs an API key.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Final

from fastapi import FastAPI

from api_service.classic.schemas import Upload, language_pattern
from api_service.http.openapi import ProblemDocument, Schema, tidy
from api_service.settings import ApiSettings

TAGS: Final = [
    {"name": "classic", "description": "Register a submission, request its execution, list its result."},
    {"name": "files", "description": "Read stored outputs by signed links."},
    {"name": "mail", "description": "Stop the mails to an address, by the signed link in every mail."},
    {"name": "health", "description": "Liveness and readiness, for load balancers and supervisors."},
]
DESCRIPTION: Final = (
    "Errors are problem documents (RFC 9457) whose `detail` says what to change. Two errors of `/check_email/` have the"
    " original system's form instead. Every path may be written with or without a slash at its end."
)

#: The field `file`: text that is sent as a file. Client generators recognise a file only by the format `binary`, but
#: that would also allow bytes that are not text. So the format is in an alternative that no source matches.
_FILE: Final[Schema] = {
    "type": "string",
    "contentMediaType": "application/octet-stream",
    "minLength": 1,
    "pattern": r"^[^\u0000]*[^\u0000\t-\r ][^\u0000]*$",
    "anyOf": [{"type": "string", "format": "binary", "maxLength": 0}, {"type": "string"}],
    "examples": ["print(input())\n"],
}
_FORM: Final = "SubmissionForm"
_FILE_FORM: Final = "SourceForm"


def form(*, file_only: bool = False) -> Schema:
    """Return the description of a request's body: a form with all fields of a submission, or with only its file."""
    name = _FILE_FORM if file_only else _FORM
    content = {"multipart/form-data": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"requestBody": {"required": True, "content": content}}


def query_parameters() -> list[Schema]:
    """Return the fields of a submission, described as parameters of the query string."""
    upload = Upload.model_json_schema()
    return [
        {"name": name, "in": "query", "required": name in upload["required"], "schema": schema}
        for name, schema in upload["properties"].items()
    ]


def describe(
    app: FastAPI,
    settings: ApiSettings,
    languages: Sequence[str],
    *,
    is_key_needed: bool,
    schemas: Mapping[str, Schema],
) -> Schema:
    """Return the OpenAPI document. `languages` are the codes of the engine's languages.

    `schemas` are those of models that FastAPI does not see.
    """
    document = copy.deepcopy(app.openapi())
    document["components"]["schemas"] |= {"ProblemDocument": ProblemDocument.model_json_schema(), **_forms(settings)}
    for name, schema in schemas.items():
        if document["components"]["schemas"].setdefault(name, schema) != schema:
            raise ValueError(f"two models are called {name}")
    parameters = document["paths"]["/submit_email/"]["post"]["parameters"]
    in_query = [parameter["schema"] for parameter in parameters if parameter["name"] == "language"]
    for language in (document["components"]["schemas"][_FORM]["properties"]["language"], *in_query):
        language["pattern"] = language_pattern(languages)
        language["description"] = (
            f"One of {', '.join(languages)}, or another usual name of one of them, in upper or lower case."
        )
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        # An empty list says that no key is needed; without one it would not be said.
        schemes = operation.setdefault("security", [])
        if schemes and not is_key_needed:
            schemes.append({})
    # The document's own title is not one of those that `tidy` should remove.
    return {**tidy(document), "info": document["info"]}


def _forms(settings: ApiSettings) -> dict[str, Schema]:
    upload = Upload.model_json_schema()
    fields = upload["properties"]
    inputs = {
        **fields["inputs"],
        "maxLength": settings.max_input_bytes,
        "description": f"{fields['inputs']['description']} At most {settings.max_input_bytes} bytes.",
    }
    file = {
        **_FILE,
        "maxLength": settings.max_source_bytes,
        "description": "The source of the program: a file in UTF-8, with a file name without a path."
        f" At most {settings.max_source_bytes} bytes.",
    }
    return {
        _FORM: {
            "type": "object",
            "description": "A submission.",
            "properties": {**fields, "inputs": inputs, "file": file},
            "required": [*upload["required"], "file"],
        },
        _FILE_FORM: {
            "type": "object",
            "description": "The file of a submission whose other fields are in the query string.",
            "properties": {"file": file},
            "required": ["file"],
        },
    }
