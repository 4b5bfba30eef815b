"""The front door for clients of Judge0 CE: its calls, answered by our use cases (ADR 30).

A request under one of Judge0's paths goes to a separate application (`door`), because Judge0 has its own answers to
errors, other methods and web pages. `routes` has the calls. `validation` checks a client's request, `programs` makes a
submission from it, and `shared.judge0` shows the submission in Judge0's words.
"""

from fastapi import FastAPI

from api_service.doors.judge0.door import Door, create_door, is_judge0
from api_service.doors.judge0.refusals import refusal

__all__ = ["add_to", "is_judge0", "refusal"]


def add_to(app: FastAPI) -> None:
    """Let the app answer Judge0's calls. Middleware that is added later handles these requests first."""
    app.add_middleware(Door, door=create_door(app.state.services))
