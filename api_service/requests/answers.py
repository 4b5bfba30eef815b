"""Answers of API v1, and their entity tags (RFC 9110, section 8.8.3), so that no client is sent a second copy."""

import base64
import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import Request, Response
from pydantic import BaseModel

from api_service.http.openapi import Schema, request_header

JSON: Final = "application/json"
_TAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
#: The header fields of conditional requests and their answers, as OpenAPI describes them.
IF_NONE_MATCH: Final = request_header(
    "If-None-Match", "An `ETag` of an earlier answer. If it is still the same, the answer is 304 without a body."
)
ETAG: Final = {"ETag": {"description": "It changes with the body.", "required": True, "schema": {"type": "string"}}}
SAME: Final[dict[int | str, Schema]] = {
    HTTPStatus.NOT_MODIFIED: {"description": "It is as `If-None-Match` names it.", "headers": ETAG}
}


def answer(model: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """Return a resource as JSON. The header fields that all answers have are added by `middleware`."""
    return Response(model.model_dump_json().encode(), status, dict(headers or {}), JSON)


def conditional(request: Request, model: BaseModel, headers: Mapping[str, str]) -> Response:
    """Return a resource with a weak ETag, or 304 if the client has the same one already."""
    return conditional_body(request, model.model_dump_json().encode(), JSON, headers)


def conditional_body(request: Request, body: bytes, media_type: str, headers: Mapping[str, str]) -> Response:
    """Return a body as `conditional` returns a resource."""
    tag = f'"{base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:15]).decode()}"'
    headers = {**headers, "ETag": f"W/{tag}"}
    if is_match(request, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def is_match(request: Request, tag: str) -> bool:
    """Return True if `If-None-Match` names the tag, by the weak comparison."""
    header = ",".join(request.headers.getlist("If-None-Match"))
    return header.strip() == "*" or tag in _TAG.findall(header)
