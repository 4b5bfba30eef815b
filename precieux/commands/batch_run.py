"""Registers the programs of a batch, and follows them. The same programs make the same batches."""

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from precieux import terminal
from precieux.commands import show
from precieux.errors import UsageError
from precieux.host.interrupts import stoppable
from precieux.programs.read import ProgramFiles
from precieux_client import Batch, Client, Fault, InvalidRequest, ServerLimits, Submission, SubmissionParameters
from shared.common.service.stop_signals import INTERRUPTED

_MEMBER: Final = re.compile(r"/submissions/([0-9]+)/?(.*)")
#: Seconds between two lines about the progress, where no terminal shows a bar.
_LINE_S: Final = 10.0
#: Bytes of a batch beside its submissions.
_ROOM: Final = 4096
#: Different faults of a batch that are shown.
_SHOWN_FAULTS: Final = 5


def body_of(
    program: ProgramFiles, name: str, email: str | None, metadata: Mapping[str, str], stdin: str | None = None
) -> SubmissionParameters:
    """Return the submission of a program in a batch."""
    return SubmissionParameters(
        language=program.language,
        files=program.files,
        entry=program.entry,
        stdin=stdin,
        email=email,
        metadata={"name": name[:500], **metadata},
    )


def run_all(
    client: Client,
    limits: ServerLimits,
    bodies: Sequence[SubmissionParameters],
    defaults: Mapping[str, Any],
    *,
    again: bool,
    names: Sequence[str] | None = None,
    **options: Any,
) -> tuple[dict[int, Submission], dict[int, str]]:
    """Run programs in batches, and return their results, and why the server refuses others, by their numbers.

    With their `names`, a program that is refused is a `UsageError`, and its batch does not run. Ctrl-C ends this.
    """
    batches: list[tuple[Batch, list[int]]] = []
    refused, is_registered = dict[int, str](), False
    try:
        with stoppable():
            for part in _split(bodies, limits.max_batch, limits.max_body_bytes, defaults):
                own = {number: bodies[number] for number in part}
                made, faults = register(client, own, defaults, again=again, names=names, **options)
                refused |= faults
                if made:
                    batches.append((made, [number for number in part if number not in faults]))
            is_registered = True
            _follow(client, [made for made, _ in batches])
            results = [client.get(one) for made, _ in batches for one in client.get_batch(made.id).submissions]
    except KeyboardInterrupt:
        terminal.hint(_interrupted(is_registered, again))
        raise typer.Exit(INTERRUPTED) from None
    numbers = [number for _, own in batches for number in own]
    return dict(zip(numbers, results, strict=True)), refused


def _member_of(fault: Fault) -> tuple[int, str] | None:
    """Return the submission of a batch that a fault belongs to, and the place in it."""
    match = _MEMBER.fullmatch(fault.pointer or "")
    return (int(match[1]), match[2]) if match else None


def _key_of(content: object) -> str:
    """Return an Idempotency-Key of a batch's content. The server keeps it for a day."""
    text = json.dumps(show.plain(content), sort_keys=True)
    return f"precieux-batch-{hashlib.sha256(text.encode()).hexdigest()}"


def _split(bodies: Sequence[SubmissionParameters], max_count: int, max_bytes: int, defaults: object) -> Iterator[range]:
    """Yield the numbers of the submissions of each batch, which the server takes together."""
    free = room = max_bytes - _ROOM - len(json.dumps(show.plain(defaults)))
    start = 0
    for number, body in enumerate(bodies):
        size = len(json.dumps(show.plain(body)))
        if number > start and (number - start == max_count or size > free):
            yield range(start, number)
            start, free = number, room
        free -= size
    yield range(start, len(bodies))


def register(
    client: Client,
    bodies: Mapping[int, SubmissionParameters],
    defaults: Mapping[str, Any],
    *,
    again: bool,
    names: Sequence[str] | None = None,
    **options: Any,
) -> tuple[Batch | None, dict[int, str]]:
    """Register submissions as a batch, and return it with why the server refuses others, by their numbers.

    An address that is refused gets no mail. Raises `InvalidRequest` for a fault that no submission has alone, and
    `UsageError` for any fault of programs that have `names`.
    """
    left, refused = dict(bodies), dict[int, str]()
    while left:
        numbers = list(left)
        key = None if again else _key_of([list(left.values()), defaults, options])
        try:
            return client.create_batch(left.values(), defaults=defaults, idempotency_key=key, **options), refused
        except InvalidRequest as exc:
            if names is not None:
                raise _refused(exc, numbers, names) from exc
            for fault in exc.errors:
                place = _member_of(fault)
                if place is None:
                    raise
                number, where = numbers[place[0]], place[1]
                if where == "email" and left[number].get("email"):
                    terminal.hint(f"No mail to {left[number]['email']}: {fault.detail}")
                    left[number] = {**left[number], "email": None}
                elif left.pop(number, None):
                    refused[number] = f"the server refuses it: {where}{': ' * bool(where)}{fault.detail}"
            if not exc.errors:
                raise
    return None, refused


def _refused(error: InvalidRequest, numbers: Sequence[int], names: Sequence[str]) -> UsageError:
    """Return the faults of a batch, with the names of its programs. A fault that several have is said once."""
    programs: dict[str, list[str]] = {}
    for fault in error.errors:
        found = _member_of(fault)
        text = f"{found[1]}: {fault.detail}".removeprefix(": ") if found else str(fault)
        programs.setdefault(text, []).extend([names[numbers[found[0]]]] if found else [])
    faults = []
    for text, of in programs.items():
        more = f" and {len(of) - 1} more" if len(of) > 1 else ""
        faults.append(f"{of[0]}{more}: {text}" if of else text)
    rest = f" There are {len(faults) - _SHOWN_FAULTS} more faults." if len(faults) > _SHOWN_FAULTS else ""
    before = f"The programs before {names[numbers[0]]} are registered, the others not."
    done = before if numbers[0] else "Nothing was registered."
    return UsageError(f"{done} {' '.join(faults[:_SHOWN_FAULTS]) or error}{rest}")


def _follow(client: Client, batches: Sequence[Batch]) -> None:
    """Show the progress until all batches have finished."""
    done = {one.id: one.done for one in batches}
    total = sum(one.total for one in batches)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    hidden, said = not terminal.err.is_terminal, time.monotonic()
    bar = Progress(TextColumn("{task.description}"), *columns, console=terminal.err, transient=True, disable=hidden)
    with bar as progress:
        task = progress.add_task("Programs", total=total, completed=sum(done.values()))
        for one in batches:
            for event in client.batch_events(one.id):
                done[one.id] = int(event.data.get("done", done[one.id]))
                progress.update(task, completed=sum(done.values()))
                if hidden and time.monotonic() - said >= _LINE_S:
                    said = time.monotonic()
                    terminal.hint(f"{sum(done.values())} of {total} programs have ended.")


def _interrupted(all_are_registered: bool, again: bool) -> str:
    """Return what becomes of the programs after Ctrl-C, and what the same command does next."""
    state = "The programs go on." if all_are_registered else "Some programs may be registered already, and go on."
    if again:
        return f"{state} The same command runs all of them once more."
    return f"{state} The same command continues, and runs none twice."
