"""Values for tests. What a test does not name is random, so that no test depends on it."""

import random
import uuid
from datetime import UTC, datetime
from typing import Any

from job_runner.emails.mailers.base import Email
from job_runner.emails.texts.branding import Branding
from job_runner.leases.claim import ClaimedJob
from precieux_client import Checker, Limits, Run, Submission, SubmissionLinks
from shared.adapters.broker.base import Message
from shared.adapters.storage.signing import LinkSigner
from shared.engine_api.codex import RunResponse, Verdict
from shared.engine_api.run_call.events import TestEnded
from shared.records.resources.links import Links

BRANDING = Branding("example.com", Links(LinkSigner(b"k" * 32, "http://api")))


def make_message(body: bytes | None = None) -> Message:
    body = str(random.randrange(1, 10**9)).encode() if body is None else body
    return Message(body=body, message_id=str(uuid.uuid4()))


def make_email(
    recipient: str | None = None,
    subject: str = "Successful Code result - 12",
    text: str = "Your code request successed!",
    html: str = "<p>Your code request successed!</p>",
    message_id: str | None = None,
) -> Email:
    return Email(
        recipient=f"someone-{random.randrange(10**6)}@example.com" if recipient is None else recipient,
        subject=subject,
        text=text,
        html=html,
        message_id=f"<precieux.{uuid.uuid4()}@example.com>" if message_id is None else message_id,
    )


def claimed_job(**changes: Any) -> ClaimedJob:
    """Return a job under a lease, whose submission was not classic, but for the changes."""
    fields: dict[str, Any] = {
        "id": 7, "upload": 42, "recipient": "someone@example.com", "job": None, "request_id": uuid.UUID(int=1),
        "attempt": 1, "lease_id": uuid.UUID(int=2), "is_classic": False, "language": "py",
    }  # fmt: skip
    return ClaimedJob(**{**fields, **changes})


def engine_answer(verdict: Verdict | None = Verdict.OK, **changes: object) -> RunResponse:
    """Return the engine's answer about a Python program, but for the changes."""
    fields = {"timeStamp": 1672439982964, "status": 200, "language": "py", "info": "Python 3.13"}
    return RunResponse.model_validate({**fields, "verdict": verdict, **changes})


def ended_test(number: int = 1, **changes: Any) -> TestEnded:
    """Return the engine's event about a test that has ended well, but for the changes."""
    fields: dict[str, Any] = {
        "verdict": "ok", "error": "", "stdout": "", "stderr": "", "diff": None, "truncated": [], "exit_code": 0,
        "signal": None, "cpu_s": 0.1, "wall_s": 0.1, "memory_bytes": 1, "cpu_pressure": None,
    }  # fmt: skip
    return TestEnded.model_validate({"number": number, **fields, **changes})


def client_submission(number: int, *, stdout: str = "") -> Submission:
    """Return a submission that has run well, as the client reads it."""
    now = datetime.now(UTC)
    run = Run(
        number=1,
        state="finished",
        verdict="ok",
        requested_at=now,
        queued_at=now,
        started_at=now,
        finished_at=now,
        attempt=1,
        stdout=stdout,
        stderr="",
        compile_output=None,
        truncated=(),
        exit_code=0,
        signal=None,
        cpu_s=0.01,
        wall_s=0.01,
        memory_bytes=1 << 20,
        engine=None,
        tests=None,
        points=None,
        points_awarded=None,
    )
    return Submission(
        id=number,
        state="finished",
        verdict="ok",
        language="py",
        entry="main.py",
        files=(),
        args=(),
        compiler_args=(),
        limits=Limits(),
        checker=Checker(),
        stop_at_first_failure=False,
        stop_after_time_limits=None,
        email=None,
        locale="en",
        metadata={},
        batch=None,
        created_at=now,
        queue=None,
        run=run,
        runs=1,
        mail=None,
        webhook=None,
        links=SubmissionLinks("self", "events", "output", "source", None),
    )
