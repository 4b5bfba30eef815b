"""The front door for clients of Judge0 CE: its calls, answered by our use cases (ADR 132).

A request under one of Judge0's paths goes to a separate application (`door`), because Judge0 has its own answers to
errors, other methods and web pages. `routes` has the calls. `validation` checks a client's request, `programs` makes a
submission from it, and `shared.judge0` shows the submission in Judge0's words.
"""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from api_service.judge0.door import Door, create_door, is_judge0
from api_service.judge0.refusals import refusal
from shared.http_bodies import Refuse


def add_to(app: FastAPI) -> None:
    """Let the app answer Judge0's calls. Middleware that is added later handles these requests first."""
    app.add_middleware(Door, door=create_door(app.state.services))


def refusing(others: Refuse) -> Refuse:
    """Return a function that refuses bodies: with an `error` at Judge0's paths, elsewhere by `others`."""

    def refuse(status: HTTPStatus, sentence: str, headers: Mapping[str, str]) -> ASGIApp:
        ours, theirs = refusal(status, sentence, headers), others(status, sentence, headers)

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            await (ours if is_judge0(scope) else theirs)(scope, receive, send)

        return respond

    return refuse
