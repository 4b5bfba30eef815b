"""The errors of this front door. Piston answers all of them with an object that has only `message`."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi.responses import JSONResponse

from api_service.problems import cut


class PistonError(Exception):
    """A request was refused. `message` is sent to the client."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


def message(status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return an error as an answer."""
    return JSONResponse({"message": cut(text)}, status, headers)
