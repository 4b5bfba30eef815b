"""A client of the API, over HTTP."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import requests

from shared.errors import PrecieuxError
from shared.languages import check_lang

_TIMEOUT: Final = (5.0, 30.0)  # s to connect, and between two pieces of an answer
_PAGE: Final = 1000
LOCAL_SERVER: Final = "http://127.0.0.1:8000"
#: Seconds for which `wait` tolerates a server that does not answer, for example while it restarts.
_UNAVAILABLE_SECONDS: Final = 60.0
#: The statuses that mean "try again".
_UNAVAILABLE_STATUSES: Final = frozenset({502, 503, 504})
_REGISTERED: Final = "Your submission was registered with ID: "
_FINAL: Final = frozenset({"executed", "failed", "cancelled"})
#: Extensions that are not names of their language in `shared.languages`.
_EXTENSIONS: Final = {"cc": "cpp", "cxx": "cpp", "cjs": "js", "mjs": "js", "f": "f90", "pyw": "py"}


class UsageError(PrecieuxError):
    """The command was called wrongly. The text says what to change."""


class ServerError(PrecieuxError):
    """The server refused the request, or did not answer. The text says what to do next."""


class ServerUnavailable(ServerError):
    """The server did not answer. Another try may succeed."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One row of `GET /check_user/`. A value is None until the server has it."""

    id: int
    status: str | None
    output: str | None
    execute_date: str | None
    filelink: str | None
    verdict: str | None
    error: str | None
    #: The names of the texts that the server has cut.
    shortened: list[str] | None = None
    #: Why the submission takes longer than usual; None if it does not, or if it has ended.
    delay: str | None = None

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        known: dict[str, Any] = {field.name: row.get(field.name) for field in fields(cls)}
        return cls(**known)

    @property
    def finished(self) -> bool:
        return self.status in _FINAL

    @property
    def ran_ok(self) -> bool:
        """True if the program ran to its end without an error. Without a verdict, an error text means an error."""
        return self.status == "executed" and (self.verdict == "ok" if self.verdict else not self.error)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Client:
    """Makes the three calls of the original API, with `key` if it is given. Raises `PrecieuxError`s of one sentence."""

    def __init__(self, url: str, key: str | None = None) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise UsageError(f"{url} is not the address of a server: it must begin with http:// or https://.")
        self._url = url.rstrip("/")
        self._session = requests.Session()
        if key:
            self._session.headers["Authorization"] = f"Bearer {key}"

    def submit(self, source: Path, *, email: str, language: str, inputs: str = "", number: int | None = None) -> int:
        """Register a submission, and return its id. It does not run yet."""
        try:
            content = source.read_bytes()
        except OSError as exc:
            raise UsageError(f"{source} cannot be read: {exc.strerror}.") from exc
        form = {"email": email, "language": language, "inputs": inputs, "enable": "0"}
        if number is not None:
            form["id"] = str(number)
        answer = self._call("POST", "/submit_email/", data=form, files={"file": (source.name, content)})
        if not isinstance(answer, str) or not answer.startswith(_REGISTERED):
            raise ServerError(f"{self._url} does not answer like a Precieux server; check the address.")
        return int(answer.removeprefix(_REGISTERED))

    def request_execution(self, number: int) -> None:
        self._call("GET", "/check_email/", params={"id": str(number)})

    def submissions(self, email: str) -> list[Submission]:
        """Return all submissions of this address, the oldest first. Long texts are shortened."""
        found: list[Submission] = []
        while True:
            page = self._list(email, limit=_PAGE, **({"before": found[0].id} if found else {}))
            found = page + found
            if len(page) < _PAGE:
                return found

    def wait(
        self,
        email: str,
        number: int,
        *,
        on_change: Callable[[Submission], None],
        timeout: float = math.inf,
        interval: float = 0.3,
    ) -> Submission:
        """Poll until submission `number` is finished, and return it. Call `on_change` for each new state and delay.

        Raise `ServerUnavailable` if the server does not answer for a minute, `TimeoutError` after `timeout` seconds.
        """
        last: tuple[str | None, str | None] = None, None
        started = answered = time.monotonic()
        while True:
            try:
                found = next(iter(self._list(email, id=number)), None)
            except ServerUnavailable:
                if time.monotonic() - answered > _UNAVAILABLE_SECONDS:
                    raise
                _pause(1, started + timeout)
                continue
            answered = time.monotonic()
            if found is None:
                raise ServerError(f"The server has no submission {number} of {email}: check the number and address.")
            if (found.status, found.delay) != last:
                last = found.status, found.delay
                on_change(found)
            if found.finished:
                return self._with_whole_output(found)
            _pause(interval, started + timeout)

    def _list(self, email: str, **query: int) -> list[Submission]:
        answer = self._call("GET", "/check_user/", params={"email": email, **query})
        return [Submission.of(row) for row in answer["result"]]

    def _with_whole_output(self, submission: Submission) -> Submission:
        if "output" not in (submission.shortened or ()) or not submission.filelink:
            return submission
        try:
            # Not by the session: it sends the key, and the link may lead to another server.
            answer = requests.get(submission.filelink, timeout=_TIMEOUT)
            answer.raise_for_status()
        except requests.RequestException as exc:
            raise ServerError(
                f"Submission {submission.id} has ended, but its whole output cannot be fetched from"
                f" {submission.filelink} ({type(exc).__name__}): try that address again."
            ) from exc
        return replace(submission, output=answer.content.decode("utf-8", "replace"), shortened=None)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        try:
            response = self._session.request(method, self._url + path, timeout=_TIMEOUT, **options)
            if response.ok:
                return response.json()
        except requests.ConnectionError as exc:
            raise ServerUnavailable(
                f"No server answers at {self._url}: start a server with `precieux up`, or name one with --url."
            ) from exc
        except requests.RequestException as exc:
            raise ServerUnavailable(f"{self._url} did not answer ({type(exc).__name__}): try again.") from exc
        unavailable = response.status_code in _UNAVAILABLE_STATUSES
        raise (ServerUnavailable if unavailable else ServerError)(_refusal(response))


def guess_language(source: Path) -> str | None:
    """Return the CodeX code of the language that a file's extension names; None if it names none."""
    extension = source.suffix.removeprefix(".").lower()
    return check_lang(extension) or _EXTENSIONS.get(extension)


def _refusal(response: requests.Response) -> str:
    try:
        detail = response.json()["detail"]
    except (requests.JSONDecodeError, KeyError, TypeError):
        detail = response.reason
    hint = " Give one with --key or PRECIEUX_API_KEY." if response.status_code == 401 else ""
    return f"The server refused ({response.status_code}): {detail}{hint}"


def _pause(seconds: float, deadline: float) -> None:
    """Sleep, but not beyond the deadline. Raise `TimeoutError` if it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    time.sleep(min(seconds, left))
