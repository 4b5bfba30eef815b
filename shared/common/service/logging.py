"""Logs events: a dotted name and key=value context, coloured on a terminal, JSON lines elsewhere.

Events carry ids, never programs or e-mail addresses.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from shared.common.service.settings import Settings, unknown


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Let imports in the block fail to find a module that they could do without."""
    module_before = sys.modules.get(module)
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]
        if module_before is not None:
            sys.modules[module] = module_before


# structlog would load rich for tracebacks that we do not show. That takes 5 MB and 60 ms in each process.
with _hidden("rich"):
    import structlog
    from structlog.tracebacks import ExceptionDictTransformer
    from structlog.typing import EventDict, FilteringBoundLogger, Processor
#: The fields of tracebacks, which keep their line breaks.
_TRACEBACKS: Final = frozenset({"exception", "stack"})


class LogSettings(Settings):
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(description="the lowest level that is logged")
    ] = "INFO"


def _escape(_: object, __: str, event: EventDict) -> EventDict:
    """Escape characters that a terminal would obey. The console's renderer escapes only some of them."""
    return {
        name: repr(value) if isinstance(value, str) and name not in _TRACEBACKS and not value.isprintable() else value
        for name, value in event.items()
    }


def _shorten(_: object, __: str, event: EventDict) -> EventDict:
    """Write the time without its date, in this machine's zone, and leave out what is None."""
    event["timestamp"] = datetime.fromisoformat(event["timestamp"]).astimezone().strftime("%H:%M:%S")
    return {name: value for name, value in event.items() if value is not None}


def configure_logging(service: str, settings: LogSettings) -> None:
    """Send the records of structlog and the standard library to standard error. Each carries `service`.

    A terminal gets lines for people, anything else gets JSON.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    # Local variables hold user code, addresses and secrets: no traceback shows them.
    final: list[Processor] = (
        [
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ]
        if not sys.stderr.isatty()
        else [
            _shorten,
            _escape,
            structlog.dev.ConsoleRenderer(
                0,  # events are not padded
                colors=not os.environ.get("NO_COLOR"),
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ]
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    # pika logs every attempt to reconnect. Our own event is logged once, with what happens next.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    # asyncpg's pool logs a traceback for each. Our own event says once that the database is unavailable.
    logging.getLogger("asyncpg").setLevel(logging.ERROR)
    # It logs every malformed form. The client gets the same message, and may send many such forms.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    for chatty in ("alembic", "boto3", "botocore", "databases", "httpcore", "httpx", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # uvicorn warns of every request that is not HTTP, and any client may send many of those.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    structlog.contextvars.bind_contextvars(service=service)
    for name, nearest in unknown(os.environ).items():
        get_logger(__name__).warning("setting.unknown", name=name, nearest=nearest, see="docs/settings.md")


def get_logger(name: str) -> FilteringBoundLogger:
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger
