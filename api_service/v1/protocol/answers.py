"""Answers of API v1."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import Response
from pydantic import BaseModel

JSON: Final = "application/json"


def answer(model: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """Return a resource as JSON. The header fields that all answers have are added by `manners`."""
    return Response(model.model_dump_json().encode(), status, dict(headers or {}), JSON)
