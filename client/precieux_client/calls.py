"""The calls of API v1, as values. Pure: `Client` and `AsyncClient` send them, each in its own way."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar
from urllib.parse import quote

import httpx

from precieux_client.decoding import decode
from precieux_client.models import (
    Batch,
    Budget,
    Checker,
    Language,
    Limits,
    Mail,
    Page,
    Run,
    ServerLimits,
    State,
    Submission,
    TestCase,
    Verdict,
)

T = TypeVar("T")

#: The files of a program: their content by path.
Files: TypeAlias = Mapping[str, str | bytes]
#: `en`, `fa`, or another language of the server.
Locale: TypeAlias = str

#: The most seconds for which the server waits before it answers.
LONGEST_WAIT: Final = 60


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and how to read its answer. A POST gets an Idempotency-Key, so it can be repeated."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    idempotency_key: str | None = None
    #: Seconds for which the server may wait before it answers.
    wait_s: float = 0


def submit(body: Mapping[str, Any], *, wait: float | None, idempotency_key: str | None) -> Call[Submission]:
    query = _waiting(wait)
    return Call("POST", "/v1/submissions", _one(Submission), query, body, idempotency_key, wait or 0)


def get(submission_id: int, *, wait: float | None = None) -> Call[Submission]:
    return Call("GET", f"/v1/submissions/{submission_id}", _one(Submission), _waiting(wait), wait_s=wait or 0)


def list_submissions(filters: Mapping[str, Any], *, limit: int, cursor: str | None) -> Call[Page[Submission]]:
    query = {name: _text(value) for name, value in filters.items() if value is not None}
    return Call("GET", "/v1/submissions", _page(Submission), query | _given(limit=limit, cursor=cursor))


def filters(
    *,
    email: str | None,
    language: str | None,
    state: State | None,
    verdict: Verdict | None,
    batch: int | None,
    created_after: datetime | None,
    created_before: datetime | None,
    metadata: Mapping[str, str],
) -> dict[str, Any]:
    """Return the parameters of a list of submissions. A submission is listed if all of them hold."""
    return {
        "email": email,
        "language": language,
        "state": state,
        "verdict": verdict,
        "batch": batch,
        "created_after": created_after,
        "created_before": created_before,
        **{f"metadata.{name}": value for name, value in metadata.items()},
    }


def runs(submission_id: int, *, cursor: str | None = None) -> Call[Page[Run]]:
    return Call("GET", f"/v1/submissions/{submission_id}/runs", _page(Run), _given(cursor=cursor))


def run(submission_id: int, number: int) -> Call[Run]:
    return Call("GET", f"/v1/submissions/{submission_id}/runs/{number}", _one(Run))


def rerun(
    submission_id: int, body: Mapping[str, Any], *, wait: float | None = None, idempotency_key: str | None = None
) -> Call[Run]:
    path = f"/v1/submissions/{submission_id}/runs"
    return Call("POST", path, _one(Run), _waiting(wait), body or None, idempotency_key, wait or 0)


def cancel(submission_id: int) -> Call[Submission]:
    return Call("POST", f"/v1/submissions/{submission_id}/cancel", _one(Submission))


def delete(submission_id: int) -> Call[None]:
    return Call("DELETE", f"/v1/submissions/{submission_id}", lambda response: None)


def content(
    submission_id: int, what: Literal["output", "stderr", "source"], *, run: int | None, test: int | None
) -> Call[bytes]:
    """Return the call for bytes. The source of several files is a zip."""
    return Call(
        "GET", f"/v1/submissions/{submission_id}/{what}", lambda response: response.content, _given(run=run, test=test)
    )


def artifact(submission_id: int, name: str, *, run: int | None) -> Call[bytes]:
    path = f"/v1/submissions/{submission_id}/artifacts/{quote(name, safe='')}"
    return Call("GET", path, lambda response: response.content, _given(run=run))


def mails(submission_id: int) -> Call[Page[Mail]]:
    return Call("GET", f"/v1/submissions/{submission_id}/mails", _page(Mail))


def mail_again(submission_id: int) -> Call[Mail]:
    return Call("POST", f"/v1/submissions/{submission_id}/mails", _one(Mail))


def create_batch(
    submissions: Sequence[Mapping[str, Any]],
    *,
    defaults: Mapping[str, Any],
    digest: bool,
    webhook_url: str | None,
    idempotency_key: str | None,
) -> Call[Batch]:
    body: dict[str, Any] = {"submissions": list(submissions)}
    body |= _given(defaults=dict(defaults) or None, digest=digest or None, webhook_url=webhook_url)
    return Call("POST", "/v1/batches", _one(Batch), body=body, idempotency_key=idempotency_key)


def batch(batch_id: int) -> Call[Batch]:
    return Call("GET", f"/v1/batches/{batch_id}", _one(Batch))


def cancel_batch(batch_id: int) -> Call[Batch]:
    return Call("POST", f"/v1/batches/{batch_id}/cancel", _one(Batch))


def languages() -> Call[Page[Language]]:
    return Call("GET", "/v1/languages", _page(Language))


def language(name: str) -> Call[Language]:
    return Call("GET", f"/v1/languages/{quote(name, safe='')}", _one(Language))


def usage() -> Call[Page[Budget]]:
    return Call("GET", "/v1/usage", _page(Budget))


def limits() -> Call[ServerLimits]:
    return Call("GET", "/v1/limits", _one(ServerLimits))


def submission_body(
    *,
    language: str,
    source: str | None = None,
    files: Files | None = None,
    entry: str | None = None,
    stdin: str | None = None,
    args: Iterable[str] = (),
    compiler_args: Iterable[str] = (),
    limits: Limits | None = None,
    expected_output: str | None = None,
    checker: Checker | None = None,
    tests: Iterable[TestCase] = (),
    stop_at_first_failure: bool = False,
    email: str | None = None,
    locale: Locale | None = None,
    receipt: bool = False,
    webhook_url: str | None = None,
    hold: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the body of a submission. Give either `source` or `files`. What is left out has the server's default."""
    return _given(
        language=language,
        source=source,
        files=None if files is None else [_file(path, data) for path, data in files.items()],
        entry=entry,
        stdin=stdin,
        args=list(args) or None,
        compiler_args=list(compiler_args) or None,
        limits=_plain(limits) or None,
        expected_output=expected_output,
        checker=_plain(checker) or None,
        tests=[_plain(test) for test in tests] or None,
        stop_at_first_failure=stop_at_first_failure or None,
        email=email,
        locale=locale,
        receipt=receipt or None,
        webhook_url=webhook_url,
        hold=hold or None,
        metadata=dict(metadata) if metadata else None,
    )


def run_body(*, stdin: str | None, args: Iterable[str] | None, limits: Limits | None) -> dict[str, Any]:
    """Return the body of another run. What is left out is as in the submission."""
    return _given(stdin=stdin, args=None if args is None else list(args), limits=_plain(limits) or None)


def _file(path: str, data: str | bytes) -> dict[str, str]:
    if isinstance(data, str):
        return {"path": path, "content": data}
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # a text of a request may not contain it
        return {"path": path, "content": base64.b64encode(data).decode(), "encoding": "base64"}
    return {"path": path, "content": text}


def _plain(value: Limits | Checker | TestCase | None) -> dict[str, Any]:
    """Return the fields of a value that are not None, and those of the values in it."""
    if value is None:
        return {}
    return {name: _without_nones(one) for name, one in asdict(value).items() if one is not None and one != ()}


def _without_nones(value: Any) -> Any:
    return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _waiting(wait: float | None) -> dict[str, Any]:
    return {} if wait is None else {"wait": min(int(wait), LONGEST_WAIT)}


def _text(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _one(kind: type[T]) -> Callable[[httpx.Response], T]:
    return lambda response: decode(kind, response.json())


def _page(kind: type[T]) -> Callable[[httpx.Response], Page[T]]:
    def read(response: httpx.Response) -> Page[T]:
        content = response.json()
        return Page(tuple(decode(kind, item) for item in content["items"]), content["next"])

    return read
