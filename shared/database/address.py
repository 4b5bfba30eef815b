"""The setting that names a server of Postgres, or several of which one takes writes."""

from typing import Annotated, Final, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

_SCHEMES: Final = ("postgresql://", "postgres://")


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
        is_whole = False
    else:
        is_whole = not any("@" in part for part in (parts.path, parts.query, parts.fragment))
    if not is_whole:
        raise ValueError("in a user or a password, each / ? # [ ] and @ must be percent-encoded, as %2F is for a slash")
    return value


DatabaseUrl: TypeAlias = Annotated[SecretStr, AfterValidator(_check)]
