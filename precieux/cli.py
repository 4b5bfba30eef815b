"""The command line.

Exit codes: 0 success, 1 a program or command failed, 2 wrong usage or a request with faults (422), 3 the server refused
or did not answer, 78 (EX_CONFIG) a wrong setting, or a database of another release, 124 --wait took too long. `run` has
that of its program.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_group

from precieux import terminal
from precieux.errors import UsageError
from shared.common.service.errors import ConfigurationError, PrecieuxError
from shared.common.version import VERSION

#: Each command's module and its name in it, in the order of the help. A module is loaded when its command is called.
_COMMANDS: Final[Mapping[str, str]] = {
    "up": "up:up",
    "demo": "demo:demo",
    "run": "run:run",
    "submit": "submissions:submit",
    "status": "submissions:status",
    "watch": "submissions:watch",
    "result": "submissions:result",
    "rerun": "submissions:rerun",
    "cancel": "submissions:cancel",
    "delete": "submissions:delete",
    "batch": "batch:batch",
    "sources": "sources:sources",
    "problem": "problem:app",
    "languages": "offers:languages",
    "toolchains": "executor:toolchains",
    "mcp": "mcp:mcp",
    "usage": "offers:usage",
    "migrate": "upgrade:migrate",
    "doctor": "executor:doctor",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "upgrade": "upgrade:upgrade",
    "install-service": "install_service:install_service",
    "queue": "queue:show",
    "keys": "keys:app",
    "dead": "dead_letters:app",
    "jobs": "jobs:app",
    "forget": "forget:forget",
    "mail": "mail:app",
    "webhooks": "webhooks:app",
}


class _Commands(TyperGroup):
    """Loads the command that is called, so that `up`, which runs for long, stays small. `--help` loads all."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands and cmd_name in _COMMANDS:
            module, _, name = _COMMANDS[cmd_name].partition(":")
            command = getattr(import_module(f"precieux.commands.{module}"), name)
            loaded = typer.Typer()
            if isinstance(command, typer.Typer):
                loaded.add_typer(command, name=cmd_name)
            else:
                loaded.command(cmd_name)(command)
            self.add_command(get_group(loaded).commands[cmd_name])
        elif cmd_name not in _COMMANDS:
            for name in _COMMANDS:  # so that a similar one is suggested
                self.get_command(ctx, name)
        return super().get_command(ctx, cmd_name)


app = typer.Typer(
    name="precieux",
    cls=_Commands,
    help="Post a program, an input and an e-mail address over HTTP; it runs in a sandbox and the result is mailed.",
    epilog="Exit codes: 0 success, 1 a program or command failed, 2 wrong usage or a request with faults (422),"
    " 3 the server refused or is silent, 78 a wrong setting, 124 --wait took too long. `run`: that of its program.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

#: The exit codes of errors. Typer also exits with 2 for a wrong usage.
_EXIT_CODES = {ConfigurationError: os.EX_CONFIG, UsageError: 2}


def _show_version(wanted: bool) -> None:
    if wanted:
        terminal.say(f"precieux {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version, and exit.")
    ] = False,
) -> None:
    """Declare the options of `precieux` without a command."""


def main() -> None:
    terminal.prepare_streams()
    try:
        _require_text(sys.argv[1:])
        app()
    except PrecieuxError as exc:
        terminal.complain(str(exc))
        sys.exit(next((code for kind, code in _EXIT_CODES.items() if isinstance(exc, kind)), 1))
    except Exception as exc:
        from precieux_client import InvalidRequest
        from precieux_client import PrecieuxError as ClientError

        if not isinstance(exc, ClientError):
            raise
        terminal.complain(_explained(exc))
        sys.exit(2 if isinstance(exc, InvalidRequest) else 3)


def _require_text(arguments: Iterable[str]) -> None:
    """Raise `UsageError` if an argument is not text, unless it is the name of a file, which may be any bytes."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            if not os.path.lexists(argument):
                raise UsageError(f"The argument {argument!a} is not text in UTF-8: write it in UTF-8.") from None


def _explained(error: Exception) -> str:
    """Return the text of a client's error, with what to do next if a server's answer cannot know it."""
    from precieux_client import APIError, ConnectionFailed, Unauthenticated

    if isinstance(error, ConnectionFailed):
        return f"{error} Start a server with `precieux up`, or name one with --url or PRECIEUX_URL."
    if isinstance(error, Unauthenticated):
        return f"{error} Give one with --key or PRECIEUX_API_KEY."
    if isinstance(error, APIError):
        return f"The server refused ({error.status}): {error}"
    return str(error)
