"""`precieux run`: runs a program on a server at once, and shows what it writes as it comes."""

import signal
from typing import Any, Final, NoReturn

import typer

from precieux import terminal
from precieux.commands import show
from precieux.commands.options import Json, Paths, on_server
from precieux.commands.parameters import LimitOptions, ProgramOptions
from precieux.commands.unit_tests import UnitTestOptions
from precieux.host.interrupts import stoppable
from precieux.installation.server import Server
from shared.common.service.stop_signals import INTERRUPTED

#: The exit code of a program that a signal has ended is this and the signal's number, as in a shell.
_SIGNAL: Final = 128


@on_server
def run(
    server: Server,
    paths: Paths,
    program: ProgramOptions,
    limits: LimitOptions,
    unit: UnitTestOptions,
    as_json: Json = False,
) -> None:
    """Run a program on a server now, and show what it writes. Nothing is stored. The exit code is the program's.

    With unit tests, their results are shown. Then the exit code is 1 unless the program is accepted.
    """
    body = {**program.read(paths), "limits": limits.read(), "unit_tests": unit.suite()}
    client = server.connect(patient=True)
    try:
        with stoppable():
            if as_json or body["unit_tests"]:
                run = client.run_transient(**body)
                if as_json:
                    terminal.say_json(show.plain(run))
                else:
                    show.result_of(run)
                if body["unit_tests"]:
                    raise typer.Exit(0 if run.passed else 1)
                _exit(show.plain(run))
            for event in client.transient_events(**body):
                if event.name in ("stdout", "stderr"):
                    terminal.pass_on(event.data["text"], to_stderr=event.name == "stderr")
                elif event.name == "finished":
                    _explain(event.data)
                    _exit(event.data)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _explain(ended: Any) -> None:
    """Say why the program did not end with an exit code of its own."""
    if ended["verdict"] == "compile_error":
        terminal.pass_on(ended["compile_output"] or "", to_stderr=True)
    if ended["error"] and ended["exit_code"] is None:
        terminal.complain(ended["error"])
    for name, content in ((artifact["name"], artifact["bytes"]) for artifact in ended["artifacts"] or ()):
        terminal.hint(f"It wrote out/{name}, {content} bytes: see --json.")


def _exit(ended: Any) -> NoReturn:
    code = ended["exit_code"]
    if code is None:
        name = ended["signal"]
        code = _SIGNAL + signal.Signals[name] if name in signal.Signals.__members__ else 1
    raise typer.Exit(code)
