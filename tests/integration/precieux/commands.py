"""Commands as the operator runs them, and what they print."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from typer.testing import CliRunner, Result

from precieux.cli import app
from shared.adapters.database.connection import Database

OnDatabase = Callable[[Callable[[Database], Awaitable[Any]]], Any]


Sql = Callable[..., list[dict[str, Any]]]


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, (result.output, result.exception)
    return result


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def refused(*arguments: str) -> str:
    """Return the error message of a command."""
    return str(run(*arguments, code=1).exception)


def status(*, code: int) -> list[dict[str, Any]]:
    wrong: list[dict[str, Any]] = json.loads(run("status", "--system", "--json", code=code).stdout)
    return wrong
