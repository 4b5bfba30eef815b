"""The events by which Mailgun reports what became of mails.

https://documentation.mailgun.com/docs/mailgun/user-manual/events/webhooks: Mailgun repeats an event until it is
answered with 200, or with 406, after which it gives up.
"""

import hashlib
import hmac
import time
from typing import Annotated, Any, Final

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api_service.http.errors import ApiError, Kind
from api_service.requests.openapi import V1Router
from api_service.requests.threads import run_in_thread_if_large
from api_service.requests.validation import checked, is_clean, parse_json, read_body, read_query
from api_service.services import ServicesDep
from shared.adapters.database.connection import Database
from shared.common.service.logging import get_logger
from shared.records.mail.delivery_reports import DeliveryReport, DeliveryState, record

log = get_logger(__name__)
router = V1Router(tags=["service"])

#: An event may be this much older or newer than our clock.
_TOLERANCE_SECONDS: Final = 300
#: Characters of an address (RFC 5321).
_MAX_ADDRESS: Final = 320

_ADD_TOKEN: Final = "INSERT INTO mailgun_events (token) VALUES (:token) ON CONFLICT DO NOTHING RETURNING token"  # noqa: S105

_Text = Annotated[str, Field(max_length=1000)]


class Signature(BaseModel):
    """The proof that Mailgun has sent the event."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    token: Annotated[str, Field(min_length=1, max_length=200, description="Random, and different for each event.")]
    timestamp: str | int = Field(description="Seconds since the epoch.", examples=["1769860800"])
    signature: _Text = Field(description="HMAC-SHA256 of the timestamp and the token, in hexadecimal.")


class MailgunEvent(BaseModel):
    """An event. Keys that are not named here are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, populate_by_name=True)

    signature: Signature
    data: dict[str, Any] = Field(alias="event-data", description="What has happened.")


class Received(BaseModel):
    """The answer to an event."""

    received: bool = Field(description="Always true.", examples=[True])


@router.operation(
    "POST /mailgun/events",
    "Receive an event of Mailgun",
    "Mailgun calls this if it is set as a webhook there. Deliveries, failures and complaints become the state of"
    " their mail; an address that bounces for good or complains gets no more mails.",
    answer=Received,
    body=MailgunEvent,
    problems=[Kind.NOT_FOUND, Kind.NOT_ACCEPTABLE],
    needs_key=False,
)
async def receive_mailgun_event(request: Request, services: ServicesDep) -> Response:
    key = services.settings.mailgun_signing_key
    if key is None:
        raise ApiError(Kind.NOT_FOUND, "This server takes no events of Mailgun; its operator has set no signing key.")
    body = await read_body(request)
    event = await run_in_thread_if_large(len(body), lambda: checked(MailgunEvent, parse_json(body)).valid())
    read_query(request)
    if not _is_genuine(event.signature, key.get_secret_value(), time.time()):
        detail = "The event's signature is wrong, or its time is too far from now; it is not looked at."
        raise ApiError(Kind.NOT_ACCEPTABLE, detail)
    await _store(services.database, event.signature.token, report_of(event.data))
    return Response(Received(received=True).model_dump_json(), media_type="application/json")


async def _store(database: Database, token: str, report: DeliveryReport | None) -> None:
    """Store a report once, by its token. None is a report that says nothing of a delivery."""
    async with database.transaction() as connection:
        if await connection.fetch_one(_ADD_TOKEN, {"token": token}) is None or report is None:
            return
        mail = await record(connection, report)
    log.info("mail.reported", mail=mail, delivery=report.delivery)


def _is_genuine(signature: Signature, key: str, now: float) -> bool:
    stamp = str(signature.timestamp)
    expected = hmac.new(key.encode(), f"{stamp}{signature.token}".encode(), hashlib.sha256).hexdigest()
    is_signed = hmac.compare_digest(expected.encode(), signature.signature.encode())
    return is_signed and stamp.isdecimal() and len(stamp) < 20 and abs(int(stamp) - now) <= _TOLERANCE_SECONDS


def report_of(data: dict[str, Any]) -> DeliveryReport | None:
    """Return what an event reports of a mail; None if it reports nothing that we store."""
    delivery = _delivery(data)
    message_id = _text(data, "message", "headers", "message-id")
    if delivery is None or message_id is None:
        return None
    recipient = _text(data, "recipient")
    reason = _text(data, "delivery-status", "message") or _text(data, "delivery-status", "description")
    is_address = recipient is not None and "@" in recipient and len(recipient) <= _MAX_ADDRESS
    # Mailgun leaves out the brackets, which our ids have.
    message_id = f"<{message_id.strip('<>')}>"
    return DeliveryReport(delivery, message_id, recipient if is_address else None, reason or _text(data, "reason"))


def _delivery(data: dict[str, Any]) -> DeliveryState | None:
    match data.get("event"), data.get("severity"):
        case "delivered", _:
            return DeliveryState.DELIVERED
        case "failed", "permanent":
            return DeliveryState.BOUNCED
        case "failed", "temporary":
            return DeliveryState.DEFERRED
        case "complained", _:
            return DeliveryState.COMPLAINED
        case _:
            return None


def _text(data: Any, *path: str) -> str | None:
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, str) and data and is_clean(data) else None
