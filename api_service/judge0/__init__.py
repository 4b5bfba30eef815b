"""The front door for clients of Judge0 CE: its calls, answered by our use cases (ADR 132).

A request under one of Judge0's paths goes to an application of its own (`door`), because Judge0 answers errors, other
methods and calls of web pages in ways of its own. `routes` has the calls. `validation` checks what a client asks for,
`programs` makes a submission of ours of it, and `shared.judge0` shows it in Judge0's words.
"""

from fastapi import FastAPI

from api_service.judge0.door import Door, create_door


def add_to(app: FastAPI) -> None:
    """Have the app answer Judge0's calls. Middleware that is added later is around them."""
    app.add_middleware(Door, door=create_door(app.state.services))
