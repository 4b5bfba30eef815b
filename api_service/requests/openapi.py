"""Declares the operations of API v1 for the OpenAPI document.

@router.operation("GET /submissions/{id}", "Get a submission", "...", answer=Submission)
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from api_service.http import openapi as http_openapi
from api_service.http.errors import Kind
from api_service.http.openapi import Schema, answer_header, request_header, without_null
from api_service.requests.validation import NoQuery

TAGS: Final = [
    {"name": "submissions", "description": "Run a program, and follow it to its result."},
    {"name": "batches", "description": "Submissions that are posted and followed together."},
    {"name": "problems", "description": "Packages with tests and judges, which programs are submitted to by name."},
    {"name": "service", "description": "What this server offers, and what a key has used of it."},
]

Route = TypeVar("Route", bound=Callable[..., Any])

_REF: Final = "#/components/schemas/{model}"
_PROBLEM: Final = "ApiError"
_ALWAYS: Final = (Kind.INVALID, Kind.UNAVAILABLE)
_WITH_KEY: Final = (Kind.UNAUTHENTICATED, Kind.FORBIDDEN)
_IDEMPOTENT: Final = (Kind.REQUEST_UNDER_WAY, Kind.KEY_REUSED, Kind.GONE)
_WITH_BODY: Final = (Kind.MALFORMED_BODY, Kind.TOO_SLOW, Kind.TOO_LARGE, Kind.UNSUPPORTED_TYPE)
#: Names of models that FastAPI does not see -> their schemas.
SCHEMAS: Final[dict[str, Schema]] = {}
_IDEMPOTENCY_KEY: Final = request_header(
    "Idempotency-Key",
    "A text of your choice, a new one for each request, in quotes or without. If an answer is lost, send the same"
    " request with the same key: it is done only once, and answered with the first answer.",
    {"minLength": 1, "maxLength": 255, "pattern": r"^[!#-~]([ -~]*[!-~])?$"},
)
#: The examples of bodies and answers by operation, and the things of which they are made (`_example`).
_EXAMPLES: Final = json.loads((Path(__file__).parent / "examples.json").read_text())


class FaultDocument(BaseModel):
    """One fault of a request."""

    pointer: str | SkipJsonSchema[None] = Field(
        None, description="Where it is in the body: a JSON pointer (RFC 6901).", examples=["/tests/3/stdin"]
    )
    parameter: str | SkipJsonSchema[None] = Field(
        None, description="The parameter of the query, or the header field.", examples=["limit"]
    )
    path: str | SkipJsonSchema[None] = Field(
        None, description="The file of a problem's package; empty for the archive.", examples=["data/secret/03.in"]
    )
    detail: str = Field(description="What is wrong, and what to do.", examples=["It must be at most 200."])


class ProblemDocumentV1(BaseModel):
    """Why a request was not served (RFC 9457)."""

    type: str = Field(
        description="The address of the page about this kind of problem.",
        json_schema_extra={"format": "uri"},
        examples=["https://precieux.example.org/problems#invalid"],
    )
    title: str = Field(description="The kind of the problem.", examples=[Kind.INVALID.title])
    status: int = Field(ge=400, le=599, description="The status of the answer.", examples=[422])
    detail: str = Field(
        description="What happened, and what to change.",
        examples=["language: it is missing; send it with the request."],
    )
    errors: list[FaultDocument] | SkipJsonSchema[None] = Field(None, description="All faults of the request.")
    violated_policies: list[str] | SkipJsonSchema[None] = Field(
        None, alias="violated-policies", description="The budgets that are used up.", examples=[["submissions"]]
    )


class V1Router(APIRouter):
    """The routes of a resource, each with its description."""

    def operation(
        self,
        call: str,
        summary: str,
        description: str,
        *,
        answer: type[BaseModel] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
        body: Mapping[str, type[BaseModel] | Schema] | type[BaseModel] | None = None,
        is_body_required: bool = True,
        idempotent: bool = False,
        query: type[BaseModel] = NoQuery,
        parameters: Sequence[Schema] = (),
        problems: Iterable[Kind] = (),
        responses: Mapping[int | str, Schema] | None = None,
        headers: Mapping[str, Schema] | None = None,
        content: Mapping[str, Schema] | None = None,
        needs_key: bool = True,
    ) -> Callable[[Route], Route]:
        """Return the decorator of a route. `call` is its method and path. The operation has the function's name.

        `answer` is the model of the answer with `status`, `headers` its own header fields, `content` its other media
        types. `body` is the model of a JSON body, or a model or schema for each media type. An `idempotent` call has an
        `Idempotency-Key`. `query` is the model of `read_query`; `parameters` are further ones, such as header fields.
        `problems` are the kinds besides those of every call, of ids in the path, of bodies and of idempotent calls.
        `responses` are answers without a model, such as streams. Examples are in `examples.json`.
        """
        method, path = call.split()
        kinds = [*_ALWAYS, *(_WITH_KEY if needs_key else ()), *(_WITH_BODY if body is not None else ())]
        kinds += [*((Kind.NOT_FOUND,) if "{" in path else ()), *problems, *(_IDEMPOTENT if idempotent else ())]
        documented: dict[int | str, Schema] = {**problem_responses(kinds), **dict(responses or {})}
        if answer is not None:
            documented[status.value] = {"model": answer, "description": summary, "headers": dict(headers or {})}
            documented[status.value] |= {"content": dict(content)} if content else {}
        keys = [_IDEMPOTENCY_KEY] if idempotent else []
        extra: Schema = {"parameters": [*query_parameters(query), *parameters, *keys]}
        if body is not None:
            extra["requestBody"] = _body(body, is_required=is_body_required)
        return self.api_route(
            path,
            methods=[method],
            summary=summary,
            description=description,
            status_code=status.value,
            response_class=JSONResponse if answer is not None else Response,
            response_model=answer,
            responses=documented,
            openapi_extra=extra,
        )


def location(what: str) -> dict[str, Schema]:
    """Return the header field `Location` of an answer, which has the address of what was made."""
    return answer_header("Location", f"The address of the {what}.", {"format": "uri"})


def problem_responses(kinds: Iterable[Kind]) -> dict[int | str, Schema]:
    """Return the responses that are problem documents, one for each status."""
    titles: dict[HTTPStatus, list[str]] = {}
    for kind in kinds:
        titles.setdefault(kind.status, []).append(f"{kind.title}.")
    meanings = {status: " ".join(dict.fromkeys(alike)) for status, alike in titles.items()}
    return http_openapi.problem_responses(meanings, _ref(ProblemDocumentV1, _PROBLEM))


def query_parameters(model: type[BaseModel]) -> list[Schema]:
    """Return the fields of a model, described as parameters of the query.

    OpenAPI has no way to describe parameters `metadata.NAME` with any NAME, so one stands for all.
    """
    schema = _inlined(model)
    parameters = []
    for name, field in schema.get("properties", {}).items():
        described = without_null(field)
        by_pattern = next(iter(described.get("patternProperties", {}).values()), None)
        values = described.get("additionalProperties") or by_pattern
        parameters.append(
            {
                "name": f"{name}.NAME" if values else name,
                "in": "query",
                "required": name in schema.get("required", ()),
                "description": field.get("description", ""),
                "schema": values or described,
            }
        )
    return parameters


def complete(document: Schema) -> None:
    """Add the examples. FastAPI would drop each null in those of answers."""
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        name = operation["operationId"]
        for status in ("200", "201", "202") if name in _EXAMPLES["answers"] else ():
            content = operation["responses"].get(status, {}).get("content", {}).get("application/json", {})
            content["example"] = _example(_EXAMPLES["answers"][name])
        if name in _EXAMPLES["bodies"]:
            operation["requestBody"]["content"]["application/json"]["example"] = _EXAMPLES["bodies"][name]


def _example(node: Any) -> Any:
    """Return an example in which `like` stands for the values of a thing that it does not change."""
    if isinstance(node, list):
        return [_example(item) for item in node]
    if not isinstance(node, dict):
        return node
    example = {key: _example(value) for key, value in node.items() if key != "like"}
    return {**_example(_EXAMPLES["things"][node["like"]]), **example} if "like" in node else example


def _body(body: Mapping[str, type[BaseModel] | Schema] | type[BaseModel], *, is_required: bool) -> Schema:
    types = body if isinstance(body, Mapping) else {"application/json": body}
    schemas = {media_type: _ref(kind) if isinstance(kind, type) else kind for media_type, kind in types.items()}
    if not is_required:  # null is no body either
        schemas = {media_type: {"anyOf": [schema, {"type": "null"}]} for media_type, schema in schemas.items()}
    content = {media_type: {"schema": schema} for media_type, schema in schemas.items()}
    return {"required": is_required, "content": content}


def _ref(model: type[BaseModel], name: str | None = None) -> Schema:
    """Return a reference to the schema of a model, which the document will contain."""
    schema = model.model_json_schema(ref_template=_REF)
    for key, value in {**schema.pop("$defs", {}), name or model.__name__: schema}.items():
        if SCHEMAS.setdefault(key, value) != value:
            raise ValueError(f"two models of requests are called {key}")
    return {"$ref": _REF.format(model=name or model.__name__)}


def _inlined(model: type[BaseModel]) -> Schema:
    """Return the schema of a model without references to other models."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return inline(definitions[node["$ref"].rpartition("/")[2]])
            return {key: inline(value) for key, value in node.items()}
        return [inline(item) for item in node] if isinstance(node, list) else node

    inlined: Schema = inline(schema)
    return inlined
