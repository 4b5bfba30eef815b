"""The two queues on RabbitMQ, and the parameters of a connection."""

import contextlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qs, urlsplit

import pika
from pika.exceptions import ChannelClosedByBroker

from shared.adapters.broker.base import DEAD_QUEUE, QUEUE
from shared.adapters.broker.handling import DELIVERY_LIMIT
from shared.common.service.errors import ConfigurationError
from shared.common.service.hosts import one_address_per_host

#: AMQP 0-9-1's reply code PRECONDITION_FAILED: a queue of this name exists, declared otherwise.
_PRECONDITION_FAILED: Final = 406

_DAY_IN_MS: Final = 24 * 60 * 60 * 1000

QueueType = Literal["quorum", "classic"]


@dataclass(frozen=True, slots=True)
class DeclaredQueue:
    """A queue and how it is declared: `Channel.queue_declare(name, durable=durable, arguments=arguments)`."""

    name: str
    durable: bool
    arguments: dict[str, str | int]


_DEAD: Final = DeclaredQueue(
    DEAD_QUEUE,
    durable=True,
    # A letter that is read and returned must not be dropped.
    arguments={"x-queue-type": "quorum", "x-delivery-limit": -1},
)
_QUORUM: Final = DeclaredQueue(
    QUEUE,
    durable=True,
    arguments={
        "x-queue-type": "quorum",
        # For a message that kills its consumers.
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": DEAD_QUEUE,
        # The default strategy may lose what it dead-letters; this one needs `reject-publish`.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        # A batch is held while a dependency of ours is down. At the broker's default of 30 minutes it would close the
        # channel, and each time charge every message of the batch with a delivery.
        "x-consumer-timeout": _DAY_IN_MS,
    },
)
#: As the original's publisher declares it: `queue_declare(queue="emails")`.
_CLASSIC: Final = DeclaredQueue(QUEUE, durable=False, arguments={})


def queues(queue_type: QueueType) -> Sequence[DeclaredQueue]:
    """Return the queues. The dead queue comes first, because the other one may dead-letter into it."""
    return (_DEAD, _CLASSIC if queue_type == "classic" else _QUORUM)


def connection_parameters(url: str, purpose: str) -> list[pika.URLParameters]:
    """Return the parameters of each host of an AMQP URI, in random order, so that clients spread over a cluster.

    The query of the URI overrides ours. `purpose` names the connection to operators. Raise `ConfigurationError` if pika
    cannot read the URI.
    """
    parameters = [_of_one_host(address, purpose) for address in one_address_per_host(url)]
    random.shuffle(parameters)
    return parameters


def _of_one_host(url: str, purpose: str) -> pika.URLParameters:
    try:
        parameters = pika.URLParameters(url)
    except Exception:
        # Not with pika's text, because it shows the value, which may be a part of the password.
        raise ConfigurationError(
            "PRECIEUX_AMQP_URL is wrong: its query (after the ?) has a parameter or a value that pika does not know."
            " Correct it; if the ? belongs to the password, write it as %3F."
        ) from None
    chosen = parse_qs(urlsplit(url).query)
    defaults: dict[str, float] = {
        # If a consumer is cut off, RabbitMQ gives its messages to others after two missing heartbeats.
        "heartbeat": 10,
        "blocked_connection_timeout": 60.0,
        "socket_timeout": 5.0,
        "stack_timeout": 10.0,
        "connection_attempts": 1,
    }
    for name, value in defaults.items():
        if name not in chosen:
            setattr(parameters, name, value)
    parameters.client_properties = {"connection_name": f"precieux {purpose}"}
    return parameters


@contextlib.contextmanager
def explaining_conflict(queue: str) -> Iterator[None]:
    """Raise `ConfigurationError` if the queue exists with other arguments. Only an operator can remove it."""
    try:
        yield
    except ChannelClosedByBroker as exc:
        if exc.reply_code != _PRECONDITION_FAILED:
            raise
        raise ConfigurationError(
            f"RabbitMQ already has a queue `{queue}` that was declared with other arguments: empty it and remove it"
            f" with `rabbitmqctl delete_queue {queue}`, or give PRECIEUX_AMQP_URL a virtual host of its own. If an"
            " original publisher has declared it, set PRECIEUX_AMQP_QUEUE_TYPE to classic."
        ) from exc


def reason(error: BaseException | None) -> str:
    """Return the reason from the innermost of the errors that pika has wrapped."""
    inner = error
    while inner is not None:
        error = inner
        inner = next((value for value in _wrapped(error) if isinstance(value, BaseException)), None)
    return f"{type(error).__name__} {error}".strip()


def _wrapped(error: BaseException) -> list[object]:
    """Return the errors inside AMQPConnectionWorkflowFailed and AMQPConnectorPhaseErrorBase, or the first argument."""
    attempts = getattr(error, "exceptions", None) or []
    return [*attempts[-1:], getattr(error, "exception", None), *error.args[:1]]
