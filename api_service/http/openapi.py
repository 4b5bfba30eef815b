"""Describes refusals as OpenAPI: problem documents, and the header fields of a status."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from api_service.http.errors import MEDIA_TYPE

Schema = dict[str, Any]

_DOCUMENT: Final[Schema] = {"$ref": "#/components/schemas/ProblemDocument"}

#: The header field that belongs to a status, what it says, and its schema in OpenAPI.
_HEADERS: Final[dict[int, tuple[str, str, dict[str, Any]]]] = {
    401: ("WWW-Authenticate", "The required scheme: `Bearer` (RFC 6750).", {"type": "string"}),
    415: ("Accept", "The required media type, unless it was the coding that is not supported.", {"type": "string"}),
    429: ("Retry-After", "The seconds to wait before the next try.", {"type": "integer", "minimum": 1}),
    503: ("Retry-After", "The seconds to wait before the next try.", {"type": "integer", "minimum": 1}),
}


class ProblemDocument(BaseModel):
    """Why a request was not served (RFC 9457)."""

    type: Annotated[str, Field(json_schema_extra={"format": "uri-reference"}, examples=["about:blank"])]
    title: Annotated[str, Field(description="The name of the status.", examples=["Unprocessable Entity"])]
    status: Annotated[int, Field(ge=400, le=599, description="The status of the answer.", examples=[422])]
    detail: Annotated[
        str,
        Field(
            description="What happened, and what to do next.",
            examples=["language: it must be one of py, java, cpp, c, or one of their usual names."],
        ),
    ]


def problem_responses(meanings: Mapping[HTTPStatus, str], document: Schema = _DOCUMENT) -> dict[int | str, Schema]:
    """Return the OpenAPI responses that are problem documents, from the meaning of each status."""
    responses: dict[int | str, Schema] = {}
    for status, meaning in meanings.items():
        response: Schema = {"description": meaning, "content": {MEDIA_TYPE: {"schema": document}}}
        if status in _HEADERS:
            name, description, schema = _HEADERS[status]
            is_required = status != HTTPStatus.UNSUPPORTED_MEDIA_TYPE
            response["headers"] = {name: {"description": description, "required": is_required, "schema": schema}}
        responses[status.value] = response
    return responses


def request_header(name: str, description: str, schema: Schema | None = None, **more: object) -> Schema:
    """Return a header field of requests, which may be left out, as OpenAPI describes it."""
    field = {"name": name, "in": "header", "required": False, "description": description}
    return {**field, "schema": {"type": "string", **(schema or {})}, **more}


def answer_header(name: str, description: str, schema: Schema | None = None) -> dict[str, Schema]:
    """Return a header field of answers, as OpenAPI describes it."""
    return {name: {"description": description, "schema": {"type": "string", **(schema or {})}}}


def without_null(schema: Schema) -> Schema:
    """Return the schema of a parameter or a key, which is left out instead of null."""
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**rest, **options[0]} if len(options) == 1 else {**rest, **({"anyOf": options} if options else {})}


def tidy(node: Any) -> Any:
    """Return the node without two additions of pydantic: titles made from names, and defaults of `null`."""
    if isinstance(node, dict):
        return {
            key: tidy(value)
            for key, value in node.items()
            if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
        }
    return [tidy(item) for item in node] if isinstance(node, list) else node
