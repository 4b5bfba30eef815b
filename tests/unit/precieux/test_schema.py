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


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"), DatabaseUnavailable),
        (error("57P01", "terminating connection due to administrator command"), DatabaseUnavailable),
        (error("57P03", "the database system is starting up"), DatabaseUnavailable),
        (error("53300", "sorry, too many clients already"), DatabaseUnavailable),
        (error("08P01", "server login has been failing, try again later"), DatabaseUnavailable),  # PgBouncer's
        (error("XX000", "Control plane request failed"), DatabaseUnavailable),
        (error("55000", "the database is being restored"), DatabaseUnavailable),
        (error("28P01", 'password authentication failed for user "user"'), ConfigurationError),
        (error("3D000", 'database "name" does not exist'), ConfigurationError),
        (error("42501", 'permission denied for database "name"'), ConfigurationError),
        (error("42704", 'unrecognized configuration parameter "sslmod"'), ConfigurationError),
        (error("22023", 'invalid value for parameter "TimeZone": "here"'), ConfigurationError),
    ],
)
def test_a_server_is_unavailable_or_refuses_the_address(
    answer: Exception, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connect(*_: object, **__: object) -> NoReturn:
        raise answer

    monkeypatch.setattr(asyncpg, "connect", connect)
    reason = "does not answer .*: check" if kind is DatabaseUnavailable else "PRECIEUX_DATABASE_URL is not the address"
    with pytest.raises(kind, match=reason):
        revision_of("postgresql://user:pass@127.0.0.1/name")


def test_a_certificate_that_is_exchanged_is_no_wrong_address() -> None:
    assert wrong_address(ssl.SSLCertVerificationError("certificate has expired")) is None
