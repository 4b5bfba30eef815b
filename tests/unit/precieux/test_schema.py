"""A command says whether the server is down or the address is wrong."""

import ssl
from typing import NoReturn

import asyncpg
import pytest

from precieux.installation.schema import revision_of
from shared.adapters.database.connection_errors import wrong_address
from shared.common.service.errors import ConfigurationError, DatabaseUnavailable


def error(code: str, text: str) -> Exception:
    """Return what asyncpg makes of a fatal ErrorResponse of Postgres' protocol."""
    return asyncpg.PostgresError.new({"S": "FATAL", "V": "FATAL", "C": code, "M": text})


def revision_from(answer: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(*_: object, **__: object) -> NoReturn:
        raise answer

    monkeypatch.setattr(asyncpg, "connect", connect)
    revision_of("postgresql://user:pass@127.0.0.1/name")


@pytest.mark.parametrize(
    "answer",
    [
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        error("57P01", "terminating connection due to administrator command"),
        error("57P03", "the database system is starting up"),
        error("53300", "sorry, too many clients already"),
        error("08P01", "server login has been failing, try again later"),  # PgBouncer's
        error("XX000", "Control plane request failed"),
        error("55000", "the database is being restored"),
    ],
)
def test_a_server_that_does_not_serve_now_is_unavailable(answer: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"does not answer .*: check that it runs"):
        revision_from(answer, monkeypatch)


@pytest.mark.parametrize(
    "answer",
    [
        error("28P01", 'password authentication failed for user "user"'),
        error("3D000", 'database "name" does not exist'),
        error("42501", 'permission denied for database "name"'),
        error("42704", 'unrecognized configuration parameter "sslmod"'),
        error("22023", 'invalid value for parameter "TimeZone": "here"'),
    ],
)
def test_a_server_that_refuses_the_address_is_not(answer: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="PRECIEUX_DATABASE_URL is not the address"):
        revision_from(answer, monkeypatch)


def test_a_certificate_that_is_exchanged_is_no_wrong_address() -> None:
    assert wrong_address(ssl.SSLCertVerificationError("certificate has expired")) is None
