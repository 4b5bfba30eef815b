"""Delivery status notifications of mail servers, and mails that only look like one."""

import random
from dataclasses import replace

import pytest

from precieux.mail.status_notification import MAX_BYTES, Notification, read
from shared.records.mail.delivery_reports import DeliveryState
from tests.fixtures.bounced import MESSAGE_ID, notification, recipient

BOUNCED = Notification(DeliveryState.BOUNCED, (MESSAGE_ID, MESSAGE_ID), "550 no such user", is_final=True)


def test_a_failure_is_final_with_its_reason() -> None:
    assert read(notification()) == BOUNCED
    assert read(notification().replace(b"\n", b"\r\n")) == BOUNCED


@pytest.mark.parametrize(
    ("groups", "delivery", "is_final"),
    [
        ([recipient("delayed", "4.4.1")], DeliveryState.DEFERRED, False),
        ([recipient("Delivered", "2.0.0")], DeliveryState.DELIVERED, False),
        # The server has given up, and the address may be right.
        ([recipient("failed", "4.4.7")], DeliveryState.BOUNCED, False),
        ([recipient(), recipient(address="other@example.org")], DeliveryState.BOUNCED, True),
        ([recipient(), recipient(status="4.2.2", address="other@example.org")], DeliveryState.BOUNCED, False),
    ],
)
def test_the_action_becomes_a_delivery(groups: list[str], delivery: DeliveryState, is_final: bool) -> None:
    found = read(notification(*groups))
    assert found is not None
    assert (found.delivery, found.is_final) == (delivery, is_final)


@pytest.mark.parametrize("returned", ["text/rfc822-headers", "message/rfc822"])
def test_the_returned_mail_names_it_if_the_envelope_does_not(returned: str) -> None:
    assert read(notification(envelope_id=None, returned=returned)) == replace(BOUNCED, message_ids=(MESSAGE_ID,))
    foreign = read(notification(envelope_id="0QWE00D@host (tcp_local)", returned=returned))
    assert foreign is not None
    assert MESSAGE_ID in foreign.message_ids


@pytest.mark.parametrize(
    "mail",
    [
        b"",
        b"\0\xff\xfe",
        b"Subject: Out of office\n\nI am away.\n",
        notification().replace(b"multipart/report", b"multipart/mixed"),
        notification().replace(b"message/delivery-status", b"text/plain"),
        notification(recipient("relayed", "2.0.0")),
        notification(recipient("")),
        # It says nothing of an alias as a whole.
        notification(recipient(), recipient("delivered", "2.0.0")),
        notification(envelope_id=None, headers=()),
        notification().replace(b'boundary="', b'other="'),
        notification()[:700],
        # Parts within parts.
        b"".join(b"Content-Type: multipart/report; boundary=b%d\n\n--b%d\n" % (level, level) for level in range(3000)),
    ],
)  # fmt: skip
def test_another_mail_is_no_notification(mail: bytes) -> None:
    assert read(mail) is None


def test_a_reason_is_one_line_that_can_be_stored() -> None:
    hostile = notification(recipient(said="550 no\0such\x1b[31m \n user")).replace(b"such", b"s\xff\xedch")
    found = read(hostile)
    assert found is not None
    assert found.reason is not None
    found.reason.encode()
    assert found.reason.isprintable()


def test_only_the_beginning_of_a_mail_is_read() -> None:
    assert read(notification() + b"x" * MAX_BYTES) == BOUNCED
    assert read(b"X-Long: " + b"x" * MAX_BYTES + b"\n" + notification()) is None
    assert read(b"X: y\n" * 5000 + notification()) is None


def test_damaged_notifications_raise_nothing() -> None:
    rng, whole = random.Random(1), notification()
    pieces = [b"\n", b"\r", b"\0", b"\xff", b";", b'"', b"=", b"*0*=", b"--", b"=?utf-8?b?", b"Content-Type: ", b"<>"]
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.randrange(1, 12)):
            at = rng.randrange(len(damaged))
            damaged[at : at + rng.randrange(20)] = rng.choice(pieces) * rng.randrange(4)
        read(bytes(damaged))
