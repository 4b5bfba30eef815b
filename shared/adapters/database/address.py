"""The setting that names a server of Postgres, or several of which one takes writes."""

from typing import Annotated, Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, SecretStr

_SCHEMES: Final = ("postgresql://", "postgres://")
_ENCODE: Final = "in a user or a password, each / ? # [ ] and @ must be percent-encoded, as %2F is for a slash"

#: Parameters of the query that name a file. asyncpg would say that a file is missing, but not which.
_OWN_FILES: Final = ("sslcert", "sslkey")
_FILES_TO_VERIFY: Final = ("sslrootcert", "sslcrl")
_VERIFYING: Final = ("require", "verify-ca", "verify-full")


def _check(value: SecretStr) -> SecretStr:
    """Return the address. Raise `ValueError` if it is not Postgres', or would be taken apart within its password.

    The part that is then taken for the host or the port would be logged.
    """
    address = value.get_secret_value()
    if not address.startswith(_SCHEMES):
        raise ValueError("it must begin with postgresql://")
    try:
        parts = urlsplit(address)
    except ValueError:
        raise ValueError(f"{_ENCODE}, and of several hosts, none may be an IPv6 address") from None
    # A name of an account may have an @ in a query of its own.
    is_query_a_rest = "@" in parts.query and not parts.path and "@" not in parts.netloc
    if "@" in parts.path or "@" in parts.fragment or is_query_a_rest:
        raise ValueError(_ENCODE)
    _require_files(parts.query)
    return value


def _require_files(query: str) -> None:
    """Raise `ValueError` if a file of TLS cannot be read that asyncpg reads in this `sslmode`."""
    given = dict(parse_qsl(query))
    mode = given.get("sslmode", "prefer")
    names = [*_OWN_FILES] if mode != "disable" else []
    if mode in _VERIFYING:
        names += _FILES_TO_VERIFY
    for name in given.keys() & names:
        try:
            open(given[name], "rb").close()
        except OSError as exc:
            raise ValueError(f"its {name} is {given[name]}, which cannot be read ({exc.strerror})") from None


DatabaseUrl: TypeAlias = Annotated[SecretStr, AfterValidator(_check)]
