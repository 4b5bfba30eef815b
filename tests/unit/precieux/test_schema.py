"""A command says whether the server is down or the address is wrong."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from precieux.installation.schema import revision_of
from shared.database.connection_errors import wrong_address
from shared.service.errors import ConfigurationError, DatabaseUnavailable


def error(code: str, text: str) -> bytes:
    """Return a fatal ErrorResponse of Postgres' protocol."""
    fields = b"SFATAL\0VFATAL\0C%s\0M%s\0\0" % (code.encode(), text.encode())
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields


@contextmanager
def server(answer: bytes) -> Iterator[str]:
    """Run a server that answers the first message of each connection, and closes it. Yield its address."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"postgresql://user:pass@127.0.0.1:{listening.getsockname()[1]}/name?sslmode=disable"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        error("57P01", "terminating connection due to administrator command"),
        error("57P03", "the database system is starting up"),
        error("53300", "sorry, too many clients already"),
        error("08P01", "server login has been failing, try again later"),  # PgBouncer's
        error("XX000", "Control plane request failed"),
        error("55000", "the database is being restored"),
    ],
)
def test_a_server_that_does_not_serve_now_is_unavailable(answer: bytes) -> None:
    with server(answer) as url, pytest.raises(DatabaseUnavailable, match=r"does not answer .*: check that it runs"):
        revision_of(url)


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
def test_a_server_that_refuses_the_address_is_not(answer: bytes) -> None:
    with server(answer) as url, pytest.raises(ConfigurationError, match="PRECIEUX_DATABASE_URL is not the address"):
        revision_of(url)


def test_a_certificate_that_is_exchanged_is_no_wrong_address() -> None:
    assert wrong_address(ssl.SSLCertVerificationError("certificate has expired")) is None
