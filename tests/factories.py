"""Values for tests. What a test does not name is random, so that no test depends on it."""

import random
import uuid

from job_runner.mailers.base import Email
from shared.broker.base import Message


def make_message(body: bytes | None = None, message_id: str | None = None) -> Message:
    return Message(
        body=str(random.randrange(1, 10**9)).encode() if body is None else body,
        message_id=str(uuid.uuid4()) if message_id is None else message_id,
    )


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
