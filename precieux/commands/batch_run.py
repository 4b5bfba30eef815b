"""Registers the programs of a batch, and follows them. The same programs make the same batches."""

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from precieux import terminal
from precieux.commands import show
from precieux_client import Batch, Client, Fault, InvalidRequest, SubmissionParameters

_MEMBER: Final = re.compile(r"/submissions/([0-9]+)/?(.*)")
#: Seconds between two lines about the progress, where no terminal shows a bar.
_LINE_S: Final = 10.0
#: Bytes of a batch beside its submissions.
_ROOM: Final = 4096


def member_of(fault: Fault) -> tuple[int, str] | None:
    """Return the submission of a batch that a fault belongs to, and the place in it."""
    match = _MEMBER.fullmatch(fault.pointer or "")
    return (int(match[1]), match[2]) if match else None


def key_of(content: object) -> str:
    """Return an Idempotency-Key of a batch's content. The server keeps it for a day."""
    text = json.dumps(show.plain(content), sort_keys=True)
    return f"precieux-batch-{hashlib.sha256(text.encode()).hexdigest()}"


def split(bodies: Sequence[SubmissionParameters], most: int, max_bytes: int, defaults: object) -> Iterator[range]:
    """Yield the numbers of the submissions of each batch, which the server takes together."""
    free = room = max_bytes - _ROOM - len(json.dumps(show.plain(defaults)))
    start = 0
    for number, body in enumerate(bodies):
        size = len(json.dumps(show.plain(body)))
        if number > start and (number - start == most or size > free):
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
    **options: Any,
) -> tuple[Batch | None, dict[int, str]]:
    """Register submissions as a batch, and return it with why the server refuses others, by their numbers.

    An address that is refused gets no mail. Raises `InvalidRequest` for a fault that no submission has alone.
    """
    left, refused = dict(bodies), dict[int, str]()
    while left:
        numbers = list(left)
        key = None if again else key_of([list(left.values()), defaults, options])
        try:
            return client.create_batch(left.values(), defaults=defaults, idempotency_key=key, **options), refused
        except InvalidRequest as exc:
            for fault in exc.errors:
                place = member_of(fault)
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


def follow(client: Client, batches: Sequence[Batch]) -> None:
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


def interrupted(all_are_registered: bool, again: bool) -> str:
    """Return what becomes of the programs after Ctrl-C, and what the same command does next."""
    state = "The programs go on." if all_are_registered else "Some programs may be registered already, and go on."
    if again:
        return f"{state} The same command runs all of them once more."
    return f"{state} The same command continues, and runs none twice."
