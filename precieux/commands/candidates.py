"""`precieux batch FILE.jsonl`: runs a candidate for each line, and writes each result as soon as it is there."""

import asyncio
import base64
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import httpx
import typer

from precieux import terminal
from precieux.commands import show
from precieux.commands.batch_run import register
from precieux.commands.parameters import CPU_S_OF_MANY
from precieux.errors import UsageError
from precieux.host import files
from precieux.installation.server import Server
from precieux_client import (
    APIError,
    AsyncClient,
    Client,
    ConnectionFailed,
    Limits,
    ProgramParameters,
    Submission,
    TransientRun,
)
from shared.common.service.stop_signals import INTERRUPTED

_KEYS: Final = frozenset({"id", "problem", "unit_tests", *ProgramParameters.__annotations__})
#: Answers after which the same call may succeed, and seconds without any success after which the command gives up.
_FULL: Final = frozenset({429, 503})
_TRANSIENT: Final = frozenset({502, 504, *_FULL})
_MAX_SILENCE_S: Final = 600.0
_PAUSE_S: Final = 0.5
_MAX_PAUSE_S: Final = 10.0
_PROGRESS_S: Final = 5.0
#: How the error begins that is the server's, not the line's. `--resume` runs such a line again.
_FAILED: Final = "The server failed"


@dataclass(frozen=True, slots=True)
class CandidateOptions:
    """How a file of candidates is run."""

    jobs: Annotated[int, typer.Option(min=1, help="Candidates of a .jsonl that run at once, at most.")] = 64
    store: Annotated[bool, typer.Option("--store", help="Keep the candidates of a .jsonl as submissions.")] = False
    resume: Annotated[bool, typer.Option("--resume", help="Run what is not in the --output of a .jsonl yet.")] = False
    full: Annotated[bool, typer.Option("--full", help="Write the whole answers about a .jsonl too.")] = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line of the file: what is run, or why it cannot run."""

    line: int
    id: Any
    body: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


def run_candidates(
    server: Server, path: Path, options: CandidateOptions, defaults: Mapping[str, Any], output: Path | None
) -> int:
    """Run the candidates of a file, and return the exit code."""
    if path != files.STDIN and not path.is_file():
        raise UsageError(f"{path} cannot be read: there is no such file.")
    client = server.connect(patient=True)
    max_bytes = client.limits().max_body_bytes

    def read(file: BinaryIO) -> Iterator[Candidate]:
        return _candidates(file, max_bytes, defaults, may_store=options.store)

    done, errors = _done(path, options, output, read)
    to_stdout = output in (None, files.STDIN)
    with contextlib.ExitStack() as opened:
        source = sys.stdin.buffer if path == files.STDIN else opened.enter_context(path.open("rb"))
        target = sys.stdout.buffer if to_stdout or output is None else opened.enter_context(output.open("ab"))
        total = None if path == files.STDIN else _count(path) - len(done)
        work = _Work(options, (each for each in read(source) if each.line not in done), target, total)
        try:
            asyncio.run(work.stored(client) if options.store else work.transient(server))
        except KeyboardInterrupt:
            terminal.hint("The results so far are whole lines; --resume runs the rest.")
            return INTERRUPTED
    work.say_end()
    if done:
        terminal.hint(f"{len(done):,} results stayed as they were: with other tests, name another --output.")
    if errors:
        terminal.hint(f"{output} has {errors:,} lines with an error from before: take them out to run them again.")
    return 1 if work.counts["error"] or errors else 0


class _Work:
    """The candidates that are left, and the file of their results."""

    def __init__(
        self, options: CandidateOptions, candidates: Iterator[Candidate], target: BinaryIO, total: int | None
    ) -> None:
        self._options, self._candidates, self._target, self._total = options, candidates, target, total
        self._turn = asyncio.Lock()
        self._begun = self._success_at = time.monotonic()
        #: Calls that may be under way. Each refusal of a full server keeps a place back, until the next success.
        self._places, self._kept_back = asyncio.Semaphore(options.jobs), 0
        self.counts: Counter[str] = Counter()

    async def transient(self, server: Server) -> None:
        """Run each candidate by a call that stores nothing."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=self._options.jobs)
        transport = httpx.AsyncHTTPTransport(limits=limits)
        async with AsyncClient(server.url, server.find_key(), retries=0, transport=transport) as client:
            await self._work(self._options.jobs, 1, lambda group: self._run(client, group[0]))

    async def stored(self, client: Client) -> None:
        """Register the candidates as batches. The same lines always make the same ones, so none runs twice."""
        size = min(client.limits().max_batch, self._options.jobs)

        async def run(group: list[Candidate]) -> None:
            for candidate, submission, error in await asyncio.to_thread(_registered, client, group):
                self._write(candidate, submission, error)

        await self._work(2, size, run)

    async def _work(self, workers: int, size: int, run: Callable[[list[Candidate]], Any]) -> None:
        async def work() -> None:
            while True:
                async with self._turn:
                    group = await asyncio.to_thread(lambda: list(islice(self._candidates, size)))
                if not group:
                    return
                for candidate in group:
                    if candidate.error:
                        self._write(candidate, None, candidate.error)
                if good := [candidate for candidate in group if not candidate.error]:
                    await run(good)

        progress = asyncio.create_task(self._say_progress())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(work())
        except BaseExceptionGroup as exc:
            raise exc.exceptions[0] from None
        finally:
            progress.cancel()

    async def _run(self, client: AsyncClient, candidate: Candidate) -> None:
        failures, pause = 0, _PAUSE_S
        while True:
            await self._places.acquire()
            try:
                run = await client.run_transient(**candidate.body)
            except (APIError, ConnectionFailed) as exc:
                status, asked = getattr(exc, "status", None), getattr(exc, "retry_after", None)
                if status in (401, 403) or time.monotonic() - self._success_at > _MAX_SILENCE_S:
                    raise
                failures += status == 500
                if status not in (None, *_TRANSIENT) and (status != 500 or failures > 2):
                    self._places.release()
                    self._write(candidate, None, f"{exc}" if status and status < 500 else f"{_FAILED}: {exc}")
                    return
                if status in _FULL and self._kept_back < self._options.jobs - 1:
                    self._kept_back += 1
                else:
                    self._places.release()
                await asyncio.sleep(asked or pause)
                pause = min(2 * pause, _MAX_PAUSE_S)
            else:
                self._success_at = time.monotonic()
                self._write(candidate, run, None)
                self._places.release()
                if self._kept_back:
                    self._kept_back -= 1
                    self._places.release()
                return

    def _write(self, candidate: Candidate, result: TransientRun | Submission | None, error: str | None) -> None:
        """Write the line of a candidate at once."""
        run = result.run if isinstance(result, Submission) else result
        if result is not None and (run is None or run.verdict is None):
            error = f"{_FAILED}: it could not be run."
        tests = [
            {"name": test.name, "verdict": test.verdict, "points_awarded": test.points_awarded}
            for test in (run.tests or () if run else ())
        ]
        said = {name: getattr(run, name, None) for name in ("verdict", "points_awarded", "points")}
        used = {"cpu_s": getattr(run, "cpu_s", None), "memory_bytes": getattr(run, "memory_bytes", None)}
        line = {"id": candidate.id, "line": candidate.line, **said, "tests": tests, **used, "error": error}
        line |= {"submission": result.id} if isinstance(result, Submission) else {}
        line |= {"run": show.plain(run)} if self._options.full and run else {}
        self._target.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
        self._target.flush()
        self.counts["error" if error else str(said["verdict"])] += 1

    async def _say_progress(self) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_S)
            done, rate = self.counts.total(), self._rate()
            of = "" if self._total is None else f" of {self._total:,}"
            left = f", {(self._total - done) / rate:.0f} s left" if self._total and rate else ""
            terminal.hint(f"{done:,}{of}, {rate:.1f}/s{left}")

    def say_end(self) -> None:
        verdicts = ", ".join(f"{number} {verdict}" for verdict, number in self.counts.most_common())
        seconds = time.monotonic() - self._begun
        terminal.hint(f"{self.counts.total():,} candidates in {seconds:.1f} s ({self._rate():.1f}/s): {verdicts}.")

    def _rate(self) -> float:
        return self.counts.total() / max(time.monotonic() - self._begun, 0.001)


def _registered(client: Client, group: list[Candidate]) -> list[tuple[Candidate, Submission | None, str | None]]:
    """Run a batch, and return its results with their candidates, or why the server refuses them."""
    bodies: Any = {number: candidate.body for number, candidate in enumerate(group)}
    made, refused = register(client, bodies, {}, again=False)
    numbers = client.wait_for_batch(made.id).submissions if made else ()
    ran = zip((number for number in bodies if number not in refused), numbers, strict=True)
    results = [(group[number], client.get(submission), None) for number, submission in ran]
    return [*results, *((group[number], None, f"It cannot run: {reason}") for number, reason in refused.items())]


def _candidates(file: BinaryIO, max_bytes: int, defaults: Mapping[str, Any], *, may_store: bool) -> Iterator[Candidate]:
    """Yield the candidates of a file as it is read. A line that cannot run says why."""
    seen: set[int] = set()
    for line in count(1):
        text = file.readline(max_bytes + 1)
        if not text:
            return
        if len(text) > max_bytes:
            while text and not text.endswith(b"\n"):
                text = file.readline(1 << 16)
            yield Candidate(line, line, error=f"The line has more than the {max_bytes:,} bytes that the server takes.")
        elif text.strip():
            candidate = _candidate(line, text, defaults, may_store=may_store)
            key = hash(json.dumps(candidate.id))
            yield Candidate(line, candidate.id, error="An earlier line has the same id.") if key in seen else candidate
            seen.add(key)


def _candidate(line: int, text: bytes, defaults: Mapping[str, Any], *, may_store: bool) -> Candidate:
    try:
        own = json.loads(text)
    except (ValueError, RecursionError) as exc:
        return Candidate(line, line, error=f"The line is no JSON: {exc}.")
    if not isinstance(own, dict):
        return Candidate(line, line, error="The line is no object.")
    known = own.pop("id", None)
    id = line if known is None else known  # noqa: A001  (as the field)
    if not isinstance(id, str | int | float) or isinstance(id, bool):
        return Candidate(line, line, error="Its id is neither a text nor a number.")
    if unknown := sorted(own.keys() - _KEYS):
        keys = ", ".join(sorted(_KEYS))
        return Candidate(line, id, error=f"It has a key that is not known: {unknown[0][:50]}. Those are known: {keys}.")
    if "problem" in own and not may_store:
        return Candidate(line, id, error="`problem` goes with --store only.")
    body = {**defaults, **own}
    if "problem" not in body:
        body["limits"] = _limits(own.get("limits"), defaults.get("limits"))
    try:
        if own.get("files") is not None:
            body["files"] = dict(map(_content, own["files"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        return Candidate(line, id, error="Its files are no list of objects with `path` and `content`.")
    return Candidate(line, id, body)


def _limits(own: Any, given: Limits | None) -> Any:
    """Return the limits of a line. `given` are those of the command."""
    if not isinstance(own, dict | None):
        return own  # the server says what is wrong
    of_command = {name: value for name, value in asdict(given or Limits()).items() if value is not None}
    return {"cpu_s": CPU_S_OF_MANY, **of_command, **(own or {})}


def _content(file: Mapping[str, Any]) -> tuple[str, str | bytes]:
    content: str = file["content"]
    is_encoded = file.get("encoding") == "base64"
    return file["path"], base64.b64decode(content, validate=True) if is_encoded else content


def _count(path: Path) -> int:
    with path.open("rb") as file:
        return sum(map(bool, map(bytes.strip, file)))


def _done(
    path: Path, options: CandidateOptions, output: Path | None, read: Callable[[BinaryIO], Iterable[Candidate]]
) -> tuple[dict[int, Any], int]:
    """Return the ids that the output already has, by their lines, and how many have an error. Cut off what must run
    again."""
    if output is None or output == files.STDIN or not output.exists():
        return {}, 0
    if not options.resume:
        raise UsageError(f"{output} exists: name another file, or continue it with --resume.")
    kept, done, errors, whole = [], dict[int, Any](), 0, files.read(output)
    for text in whole.splitlines(keepends=True):
        try:
            result = json.loads(text) if text.endswith(b"\n") else {}
        except ValueError:
            raise UsageError(f"{output} is no file of results.") from None
        if result.get("verdict") or (result.get("error") and not result["error"].startswith(_FAILED)):
            kept.append(text)
            done[result["line"]] = result["id"]
            errors += not result.get("verdict")
    if path != files.STDIN:
        with path.open("rb") as file:
            left = {candidate.line: candidate.id for candidate in read(file) if candidate.line in done}
        if left != done:
            raise UsageError(f"{output} has results of another file than {path}.")
    if b"".join(kept) != whole:
        files.write_whole(output, b"".join(kept))
    return done, errors
