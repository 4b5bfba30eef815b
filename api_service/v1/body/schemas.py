"""How the bodies of programs are described in OpenAPI, other than as JSON."""

from typing import Final

from api_service.http.openapi import Schema
from api_service.requests.openapi import query_parameters
from api_service.v1.body.submission import TransientRunBody

TEXT: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "description": "The source; the other keys are in the query.",
}


def fields_of(model: type[TransientRunBody]) -> list[Schema]:
    """Return the keys that may be in the query if the body is the source."""
    return [
        {**parameter, "required": False, "description": f"Only with a `text/*` body: {parameter['description']}"}
        for parameter in query_parameters(model)
        if parameter["schema"].get("type") in ("string", "boolean")
        and parameter["name"] in model.model_fields.keys() - {"source", "entry"}
    ]


def form_of(model: type[TransientRunBody]) -> Schema:
    """Return the schema of a form, which may have the files as parts."""
    return {
        "type": "object",
        "description": "The keys of the JSON body as fields or in the part `submission`, and the files.",
        "required": ["file"],
        "properties": {
            "file": {
                "type": "array",
                "description": "The files; the file name of each part is its `path`. A `.zip` that is alone is"
                " unpacked.",
                "items": {"type": "string", "format": "binary"},
            },
            "submission": {
                "type": "string",
                "contentMediaType": "application/json",
                "description": "All other keys as JSON.",
            },
            **{parameter["name"]: parameter["schema"] for parameter in fields_of(model)},
            "entry": {"type": "string", "description": "The path that is run."},
        },
        "additionalProperties": False,
    }
