"""The ids in paths. One that is no id is answered with 404, as if there were no such resource."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import BeforeValidator

from api_service.http.integers import INT64, MAX_ID, MAX_NUMBER


def _number(text: object) -> object:
    if isinstance(text, str) and not (text.isascii() and text.isdigit() and not text.startswith("0")):
        raise ValueError("it is not an id")
    return text


def _path(description: str, maximum: int = MAX_ID) -> Any:
    return Path(ge=1, le=maximum, description=description, json_schema_extra=INT64, examples=[5])


SubmissionId = Annotated[int, _path("The id of the submission."), BeforeValidator(_number)]
BatchId = Annotated[int, _path("The id of the batch."), BeforeValidator(_number)]
RunNumber = Annotated[int, _path("The number of the run, counted from 1.", MAX_NUMBER), BeforeValidator(_number)]
