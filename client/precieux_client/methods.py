"""The methods of `Client` and `AsyncClient`, each written once. `sending` has the calls and their tries."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, Unpack
from urllib.parse import quote

import httpx

from precieux_client.both import IteratorMethod, Method
from precieux_client.calls import (
    MAX_WAIT,
    Call,
    content,
    given,
    nothing,
    one,
    page,
    problem_settings,
    settings_form,
    submission_body,
)
from precieux_client.errors import ConnectionFailed, WaitTimeout
from precieux_client.exchange import build_request, error_in, read_whole
from precieux_client.models import (
    Batch,
    Budget,
    Event,
    Language,
    Limits,
    Mail,
    Problem,
    ProblemCheck,
    Run,
    ServerLimits,
    State,
    Submission,
    TransientRun,
    Verdict,
)
from precieux_client.parameters import ProblemSettings, ProgramParameters, SubmissionParameters
from precieux_client.retry import Tries
from precieux_client.sending import Sending
from precieux_client.sse import EventParser

#: Seconds that a server may take to run a program, beyond those for any answer.
_RUNNING_S: Final = 600.0
#: Seconds that a server may take to store a large package.
_STORING_S: Final = 600.0


def _problem_path(name: str) -> str:
    return f"/v1/problems/{quote(name, safe='')}"


class Methods(Sending):
    """The base of both clients."""

    # ---- Submissions ------------------------------------------------------------------------------------------------

    @Method
    async def submit(
        self,
        *,
        wait: float | None = None,
        idempotency_key: str | None = None,
        **submission: Unpack[SubmissionParameters],
    ) -> Submission:
        """Register a submission and, unless `hold`, have it run. With `wait`, answer when it has ended.

        `wait` is in seconds, at most 60; after them the submission is returned as it is.
        """
        body = submission_body(submission)
        return await self._send(Call("POST", "/v1/submissions", one(Submission), {}, body, wait, idempotency_key))

    @Method
    async def run(self, *, timeout: float | None = None, **submission: Unpack[SubmissionParameters]) -> Submission:
        """Submit a program, wait until it has ended, and return the submission. Raises `WaitTimeout`."""
        started = time.monotonic()
        wait = MAX_WAIT if timeout is None else min(timeout, MAX_WAIT)
        body = submission_body(submission)
        submitted = await self._send(Call("POST", "/v1/submissions", one(Submission), body=body, wait=wait))
        return submitted if submitted.is_final else await self._wait(submitted.id, timeout, started)

    @Method
    async def run_transient(self, **program: Unpack[ProgramParameters]) -> TransientRun:
        """Run a program at once, and return its run. The server stores nothing.

        If the connection ends before, the program is stopped, and is run again by the next try.
        """
        body = submission_body(program)
        return await self._send(Call("POST", "/v1/run", one(TransientRun), body=body, slow_s=_RUNNING_S))

    @IteratorMethod
    async def transient_events(self, **program: Unpack[ProgramParameters]) -> AsyncGenerator[Event, None]:
        """Run a program at once, and yield what happens: `started`, `stdout`, `stderr`, `test`, and `finished`.

        `stdout` and `stderr` have the `text` that a program without tests has written. The data of `finished` is the
        run. Closing the generator stops the program. A program of which nothing has come yet is run again if the
        connection ends. Raises `ConnectionFailed` if the stream breaks off later.
        """
        call = Call("POST", "/v1/run", nothing, body=submission_body(program), slow_s=_RUNNING_S)
        request, tries = build_request(call, self._settings, self._http), Tries(self._settings.retries)
        request.headers["Accept"] = "text/event-stream"
        parser, has_begun = EventParser(), False
        while True:
            try:
                async with self._open(request) as (response, pieces):
                    if not response.is_success:
                        delay = tries.after_status(response.status_code, response.headers)
                        if delay is None:
                            raise error_in(await read_whole(response, pieces))
                    else:
                        async for piece in pieces:
                            for event in parser.feed(piece):
                                has_begun = True
                                yield event
                                if event.name == "finished":
                                    return
                        raise httpx.RemoteProtocolError("The stream has no end.")
            except httpx.TransportError as exc:
                delay = None if has_begun else tries.after_failure()
                if delay is None:
                    raise ConnectionFailed(f"The event stream of {self._settings.url} broke off.") from exc
            parser.begin()
            await self._pause(delay)

    @Method
    async def get(self, submission_id: int) -> Submission:
        """Return a submission."""
        return await self._send(Call("GET", f"/v1/submissions/{submission_id}", one(Submission)))

    @Method
    async def wait(self, submission_id: int, *, timeout: float | None = None) -> Submission:
        """Return a submission as soon as it has ended. Raises `WaitTimeout` after `timeout` seconds."""
        return await self._wait(submission_id, timeout, time.monotonic())

    async def _wait(self, submission_id: int, timeout: float | None, started: float) -> Submission:
        while True:
            left = MAX_WAIT if timeout is None else timeout - (time.monotonic() - started)
            if left <= 0:
                raise WaitTimeout(f"Submission {submission_id} has not ended after {timeout:g} s; it goes on.")
            wait = min(MAX_WAIT, max(1, int(left)))
            submission = await self._send(Call("GET", f"/v1/submissions/{submission_id}", one(Submission), wait=wait))
            if submission.is_final or submission.state == "held":
                return submission

    @IteratorMethod
    def list(
        self,
        *,
        email: str | None = None,
        language: str | None = None,
        state: State | None = None,
        verdict: Verdict | None = None,
        batch: int | None = None,
        problem: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
        page_size: int = 50,
    ) -> AsyncIterator[Submission]:
        """Yield the submissions for which all filters hold, the newest first. Their runs have no texts and no tests."""
        filters = {
            "email": email,
            "language": language,
            "state": state,
            "verdict": verdict,
            "batch": batch,
            "problem": problem,
            "created_after": created_after,
            "created_before": created_before,
            **{f"metadata.{name}": value for name, value in (metadata or {}).items()},
        }
        return self._pages("/v1/submissions", Submission, {**filters, "limit": page_size})

    @IteratorMethod
    def events(self, submission_id: int, *, last_event_id: str | None = None) -> AsyncIterator[Event]:
        """Yield what happens to a submission, until it has ended. A connection that breaks is resumed."""
        return self._follow(f"/v1/submissions/{submission_id}/events", last_event_id)

    @IteratorMethod
    def runs(self, submission_id: int) -> AsyncIterator[Run]:
        """Yield the runs of a submission, the newest first, without their texts."""
        return self._pages(f"/v1/submissions/{submission_id}/runs", Run, {})

    @Method
    async def get_run(self, submission_id: int, number: int) -> Run:
        """Return one run of a submission."""
        return await self._send(Call("GET", f"/v1/submissions/{submission_id}/runs/{number}", one(Run)))

    @Method
    async def junit(self, submission_id: int, run: int | None = None) -> bytes:
        """Return the tests of the latest run, or of another one, as JUnit XML. Raises `Conflict` before its end."""
        path = f"/v1/submissions/{submission_id}{'' if run is None else f'/runs/{run}'}"
        return await self._send(Call("GET", path, content, {"format": "junit"}))

    @Method
    async def rerun(
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
        path, body = f"/v1/submissions/{submission_id}/runs", given(stdin=stdin, args=args, limits=limits)
        return await self._send(Call("POST", path, one(Run), {}, body or None, wait, idempotency_key))

    @Method
    async def cancel(self, submission_id: int) -> Submission:
        """Cancel a submission. Raises `Conflict` if it has ended."""
        return await self._send(Call("POST", f"/v1/submissions/{submission_id}/cancel", one(Submission)))

    @Method
    async def delete(self, submission_id: int) -> None:
        """Delete a submission with its files, results and mails. Raises `Conflict` while it is queued or running."""
        await self._send(Call("DELETE", f"/v1/submissions/{submission_id}", nothing))

    @Method
    async def output(self, submission_id: int, *, run: int | None = None, test: int | None = None) -> bytes:
        """Return the whole standard output of the latest run, or of another one. With tests, `test` names one."""
        query = {"run": run, "test": test}
        return await self._send(Call("GET", f"/v1/submissions/{submission_id}/output", content, query))

    @Method
    async def stderr(self, submission_id: int, *, run: int | None = None, test: int | None = None) -> bytes:
        """Return the whole standard error, as `output` does."""
        query = {"run": run, "test": test}
        return await self._send(Call("GET", f"/v1/submissions/{submission_id}/stderr", content, query))

    @Method
    async def source(self, submission_id: int) -> bytes:
        """Return the source, as a zip if there are several files."""
        return await self._send(Call("GET", f"/v1/submissions/{submission_id}/source", content))

    @Method
    async def artifact(self, submission_id: int, name: str, *, run: int | None = None) -> bytes:
        """Return a file that the program wrote to its folder `out`, in the latest run or another one."""
        path = f"/v1/submissions/{submission_id}/artifacts/{quote(name, safe='')}"
        return await self._send(Call("GET", path, content, {"run": run}))

    @Method
    async def mails(self, submission_id: int) -> Sequence[Mail]:
        """Return the mails of a submission, the newest first."""
        return (await self._send(Call("GET", f"/v1/submissions/{submission_id}/mails", page(Mail)))).items

    @Method
    async def send_mail_again(self, submission_id: int) -> Mail:
        """Mail the latest result again."""
        return await self._send(Call("POST", f"/v1/submissions/{submission_id}/mails", one(Mail)))

    # ---- Batches ----------------------------------------------------------------------------------------------------

    @Method
    async def create_batch(
        self,
        submissions: Iterable[SubmissionParameters],
        *,
        defaults: Mapping[str, Any] | None = None,
        digest: bool = False,
        digest_to: str | None = None,
        webhook_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Register submissions together, all or none. `defaults` has keys of a submission's JSON for all of them, or
        the values that `submit` takes for these keys.

        With `digest`, each address gets one mail when all have ended, and none before. `digest_to` gets one mail about
        all of them then, beside their own.
        """
        body = given(
            submissions=[submission_body(each) for each in submissions],
            defaults=given(**(defaults or {})) or None,
            digest=digest or None,
            digest_to=digest_to,
            webhook_url=webhook_url,
        )
        return await self._send(Call("POST", "/v1/batches", one(Batch), body=body, idempotency_key=idempotency_key))

    @Method
    async def get_batch(self, batch_id: int) -> Batch:
        """Return a batch."""
        return await self._send(Call("GET", f"/v1/batches/{batch_id}", one(Batch)))

    @IteratorMethod
    def batch_events(self, batch_id: int) -> AsyncIterator[Event]:
        """Yield the progress of a batch, until it has finished."""
        return self._follow(f"/v1/batches/{batch_id}/events")

    @Method
    async def wait_for_batch(self, batch_id: int, *, timeout: float | None = None) -> Batch:
        """Return a batch as soon as all of its submissions have ended. Raises `WaitTimeout`."""
        async for _ in self._follow(f"/v1/batches/{batch_id}/events", timeout=timeout):
            pass
        return await self._send(Call("GET", f"/v1/batches/{batch_id}", one(Batch)))

    @Method
    async def cancel_batch(self, batch_id: int) -> Batch:
        """Cancel all submissions of a batch that have not ended."""
        return await self._send(Call("POST", f"/v1/batches/{batch_id}/cancel", one(Batch)))

    @Method
    async def delete_batch(self, batch_id: int) -> None:
        """Delete a batch that has finished, with its submissions and its digests."""
        await self._send(Call("DELETE", f"/v1/batches/{batch_id}", nothing))

    # ---- Problems ---------------------------------------------------------------------------------------------------

    @IteratorMethod
    def problems(self, *, visibility: Literal["private", "shared"] | None = None) -> AsyncIterator[Problem]:
        """Yield the problems of this key and those that others share, by name, without their samples and warnings."""
        return self._pages("/v1/problems", Problem, {"visibility": visibility})

    @Method
    async def problem(self, name: str, *, version: int | None = None) -> Problem:
        """Return a problem, its latest version or another one."""
        return await self._send(Call("GET", _problem_path(name), one(Problem), {"version": version}))

    @Method
    async def push_problem(self, name: str, package: bytes, **settings: Unpack[ProblemSettings]) -> Problem:
        """Store a package, a zip, as the next version of a problem. If the latest is the same, that is returned.

        Raises `InvalidRequest`, whose faults have the `path` of a file of the package.
        """
        files = settings_form(package, settings)
        return await self._send(Call("PUT", _problem_path(name), one(Problem), files=files, slow_s=_STORING_S))

    @Method
    async def patch_problem(self, name: str, **settings: Unpack[ProblemSettings]) -> Problem:
        """Change the settings of a problem. Other limits make a new version."""
        return await self._send(Call("PATCH", _problem_path(name), one(Problem), body=problem_settings(settings)))

    @Method
    async def delete_problem(self, name: str, *, version: int | None = None) -> None:
        """Delete a problem, or one version. Raises `Conflict` while a submission to it has not ended."""
        await self._send(Call("DELETE", _problem_path(name), nothing, {"version": version}))

    @Method
    async def package(self, name: str, *, version: int | None = None) -> bytes:
        """Return the package of a problem, as it was sent."""
        return await self._send(Call("GET", f"{_problem_path(name)}/package", content, {"version": version}))

    @Method
    async def check_problem(
        self,
        name: str,
        *,
        version: int | None = None,
        email: str | None = None,
        locale: str | None = None,
        webhook_url: str | None = None,
        wait: float | None = None,
        idempotency_key: str | None = None,
    ) -> ProblemCheck:
        """Begin the check of a package. With `wait`, answer when it has finished, or after these seconds.

        Raises `Conflict` while another check of this version runs.
        """
        body = given(version=version, email=email, locale=locale, webhook_url=webhook_url)
        path = f"{_problem_path(name)}/check"
        return await self._send(Call("POST", path, one(ProblemCheck), {}, body or None, wait, idempotency_key))

    @Method
    async def checks(self, name: str, *, version: int | None = None, wait: float | None = None) -> ProblemCheck:
        """Return the latest check of a problem's latest version, or of another one; `wait` is as in `check_problem`."""
        path = f"{_problem_path(name)}/check"
        return await self._send(Call("GET", path, one(ProblemCheck), {"version": version}, wait=wait))

    # ---- The server -------------------------------------------------------------------------------------------------

    @Method
    async def languages(self) -> Sequence[Language]:
        """Return the languages in which programs can be submitted."""
        return (await self._send(Call("GET", "/v1/languages", page(Language)))).items

    @Method
    async def language(self, name: str) -> Language:
        """Return one language, by its code, name or alias."""
        return await self._send(Call("GET", f"/v1/languages/{quote(name, safe='')}", one(Language)))

    @Method
    async def usage(self) -> Sequence[Budget]:
        """Return what this key has used of its budgets."""
        return (await self._send(Call("GET", "/v1/usage", page(Budget)))).items

    @Method
    async def limits(self) -> ServerLimits:
        """Return the limits of this server."""
        return await self._send(Call("GET", "/v1/limits", one(ServerLimits)))
