"""The blocking client."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx

from precieux_client import calls
from precieux_client.calls import Call
from precieux_client.errors import WaitTimeout
from precieux_client.exchange import EventStream, Exchange, Settings, waits
from precieux_client.models import (
    Batch,
    Budget,
    Event,
    Language,
    Limits,
    Mail,
    Run,
    ServerLimits,
    State,
    Submission,
    Verdict,
)
from precieux_client.parameters import SubmissionParameters

T = TypeVar("T")


class Client:
    """A client of one server. It may be used by several threads.

    Without `url` and `key` it reads PRECIEUX_URL and PRECIEUX_API_KEY. A call is sent again up to `retries` times if
    the server is not available or asks for a later try. A repeated call makes no second submission.

        with Client() as client:
            done = client.run(language="py", source="print(input())", stdin="42")
            print(done.run.stdout)
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 5,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._settings = Settings.of(url, key, timeout, retries)
        self._http = httpx.Client(
            base_url=self._settings.url, headers=self._settings.headers(), transport=transport, follow_redirects=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # ---- Submissions ------------------------------------------------------------------------------------------------

    def submit(
        self,
        *,
        wait: float | None = None,
        idempotency_key: str | None = None,
        **submission: Unpack[SubmissionParameters],
    ) -> Submission:
        """Register a submission and, unless `hold`, have it run. With `wait`, answer when it has ended.

        `wait` is in seconds, at most 60; after them the submission is returned as it is.
        """
        body = calls.submission_body(**submission)
        return self._send(calls.submit(body, wait=wait, idempotency_key=idempotency_key))

    def run(self, *, timeout: float | None = None, **submission: Unpack[SubmissionParameters]) -> Submission:
        """Submit a program, wait until it has ended, and return the submission. Raises `WaitTimeout`."""
        started = time.monotonic()
        first = calls.LONGEST_WAIT if timeout is None else min(timeout, calls.LONGEST_WAIT)
        submitted = self.submit(wait=first, **submission)
        if submitted.is_final:
            return submitted
        return self._wait(submitted.id, timeout, started)

    def get(self, submission_id: int) -> Submission:
        """Return a submission."""
        return self._send(calls.get(submission_id))

    def wait(self, submission_id: int, *, timeout: float | None = None) -> Submission:
        """Return a submission as soon as it has ended. Raises `WaitTimeout` after `timeout` seconds."""
        return self._wait(submission_id, timeout, time.monotonic())

    def _wait(self, submission_id: int, timeout: float | None, started: float) -> Submission:
        for seconds in waits(timeout, lambda: time.monotonic() - started):
            submission = self._send(calls.get(submission_id, wait=seconds))
            if submission.is_final or submission.state == "held":
                return submission
        raise WaitTimeout(f"Submission {submission_id} has not ended after {timeout:g} s; it goes on.")

    def list(
        self,
        *,
        email: str | None = None,
        language: str | None = None,
        state: State | None = None,
        verdict: Verdict | None = None,
        batch: int | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
        page_size: int = 50,
    ) -> Iterator[Submission]:
        """Yield the submissions for which all filters hold, the newest first. Their runs have no texts and no tests."""
        filters = calls.filters(
            email=email,
            language=language,
            state=state,
            verdict=verdict,
            batch=batch,
            created_after=created_after,
            created_before=created_before,
            metadata=metadata or {},
        )
        cursor: str | None = None
        while True:
            page = self._send(calls.list_submissions(filters, limit=page_size, cursor=cursor))
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def events(self, submission_id: int, *, last_event_id: str | None = None) -> Iterator[Event]:
        """Yield what happens to a submission, until it has ended. A connection that breaks is resumed."""
        return self._follow(f"/v1/submissions/{submission_id}/events", last_event_id)

    def runs(self, submission_id: int) -> Iterator[Run]:
        """Yield the runs of a submission, the newest first, without their texts."""
        cursor: str | None = None
        while True:
            page = self._send(calls.runs(submission_id, cursor=cursor))
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def get_run(self, submission_id: int, number: int) -> Run:
        """Return one run of a submission."""
        return self._send(calls.run(submission_id, number))

    def rerun(
        self,
        submission_id: int,
        *,
        stdin: str | None = None,
        args: Iterable[str] | None = None,
        limits: Limits | None = None,
        wait: float | None = None,
        idempotency_key: str | None = None,
    ) -> Run:
        """Run a submission again, or a held one for the first time. Raises `Conflict` while a run is under way."""
        body = calls.run_body(stdin=stdin, args=args, limits=limits)
        return self._send(calls.rerun(submission_id, body, wait=wait, idempotency_key=idempotency_key))

    def cancel(self, submission_id: int) -> Submission:
        """Cancel a submission. Raises `Conflict` if it has ended."""
        return self._send(calls.cancel(submission_id))

    def delete(self, submission_id: int) -> None:
        """Delete a submission with its files, results and mails. Raises `Conflict` while it is queued or running."""
        self._send(calls.delete(submission_id))

    def output(self, submission_id: int, *, run: int | None = None, test: int | None = None) -> bytes:
        """Return the whole standard output of the latest run, or of another one. With tests, `test` names one."""
        return self._send(calls.content(submission_id, "output", run=run, test=test))

    def stderr(self, submission_id: int, *, run: int | None = None, test: int | None = None) -> bytes:
        """Return the whole standard error, as `output` does."""
        return self._send(calls.content(submission_id, "stderr", run=run, test=test))

    def source(self, submission_id: int) -> bytes:
        """Return the source, as a zip if there are several files."""
        return self._send(calls.content(submission_id, "source", run=None, test=None))

    def artifact(self, submission_id: int, name: str, *, run: int | None = None) -> bytes:
        """Return a file that the program wrote to its folder `out`, in the latest run or another one."""
        return self._send(calls.artifact(submission_id, name, run=run))

    def mails(self, submission_id: int) -> Sequence[Mail]:
        """Return the mails of a submission, the newest first."""
        return self._send(calls.mails(submission_id)).items

    def send_mail_again(self, submission_id: int) -> Mail:
        """Mail the latest result again."""
        return self._send(calls.mail_again(submission_id))

    # ---- Batches ----------------------------------------------------------------------------------------------------

    def create_batch(
        self,
        submissions: Iterable[SubmissionParameters],
        *,
        defaults: Mapping[str, Any] | None = None,
        digest: bool = False,
        webhook_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Register submissions together, all or none. `defaults` has keys of a submission's JSON for all of them.

        With `digest`, each address gets one mail when all have ended, and none before.
        """
        bodies = [calls.submission_body(**one) for one in submissions]
        return self._send(
            calls.create_batch(
                bodies,
                defaults=defaults or {},
                digest=digest,
                webhook_url=webhook_url,
                idempotency_key=idempotency_key,
            )
        )

    def get_batch(self, batch_id: int) -> Batch:
        """Return a batch."""
        return self._send(calls.batch(batch_id))

    def batch_events(self, batch_id: int) -> Iterator[Event]:
        """Yield the progress of a batch, until it has finished."""
        return self._follow(f"/v1/batches/{batch_id}/events", None)

    def wait_for_batch(self, batch_id: int, *, timeout: float | None = None) -> Batch:
        """Return a batch as soon as all of its submissions have ended. Raises `WaitTimeout`."""
        for _ in self._follow(f"/v1/batches/{batch_id}/events", None, timeout):
            pass
        return self.get_batch(batch_id)

    def cancel_batch(self, batch_id: int) -> Batch:
        """Cancel all submissions of a batch that have not ended."""
        return self._send(calls.cancel_batch(batch_id))

    # ---- The server -------------------------------------------------------------------------------------------------

    def languages(self) -> Sequence[Language]:
        """Return the languages in which programs can be submitted."""
        return self._send(calls.languages()).items

    def language(self, name: str) -> Language:
        """Return one language, by its code, name or alias."""
        return self._send(calls.language(name))

    def usage(self) -> Sequence[Budget]:
        """Return what this key has used of its budgets."""
        return self._send(calls.usage()).items

    def limits(self) -> ServerLimits:
        """Return the limits of this server."""
        return self._send(calls.limits())

    # ---- Sending ----------------------------------------------------------------------------------------------------

    def _send(self, call: Call[T]) -> T:
        exchange = Exchange(call, self._settings, self._http)
        while True:
            try:
                response = self._http.send(exchange.request)
            except httpx.TransportError as exc:
                delay: float | None = exchange.delay_after_failure(exc)
            else:
                delay = exchange.delay_after(response)
                if delay is None:
                    return exchange.read(response)
            time.sleep(delay or 0)

    def _follow(self, path: str, last_event_id: str | None, timeout: float | None = None) -> Iterator[Event]:
        stream = EventStream(path, self._settings, last_event_id, timeout)
        while True:
            try:
                with self._http.stream("GET", path, **stream.options()) as response:
                    if response.status_code == httpx.codes.NO_CONTENT:
                        return
                    if not response.is_success:
                        response.read()
                        delay = stream.delay_after_refusal(response)
                    else:
                        for text in response.iter_text():
                            stream.left_s()
                            for event in stream.parser.feed(text):
                                stream.reset_failures()
                                yield event
                                if event.name == "finished":
                                    return
                        delay = stream.delay_after_break()
            except httpx.TransportError as exc:
                delay = stream.delay_after_break(exc)
            time.sleep(delay)
