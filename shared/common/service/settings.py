"""The base of all settings: small frozen classes, read from `PRECIEUX_*` and checked once at start.

Each class is declared beside the code that it configures. A process reads only those that it needs, so the executor
never sees a database password. An empty variable counts as unset, because Compose files pass unset ones as empty.
"""

import difflib
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.common.service.errors import ConfigurationError, PrecieuxError
from shared.common.service.hosts import one_address_per_host

PREFIX = "PRECIEUX_"
#: The names of all settings, without their prefix. `python -m tests.settings_reference` writes the file.
_KNOWN: Final = frozenset((resources.files(__package__) / "known_settings.txt").read_text().split())
#: Settings of the project's tests.
_OF_TESTS = f"{PREFIX}TEST_"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")


def is_url(*schemes: str, example: str, several_hosts: bool = False, several: bool = False) -> AfterValidator:
    """Return a check for settings: a URL with one of these schemes and a host, or several hosts or URLs if allowed."""

    def check(value: str | SecretStr | None) -> str | SecretStr | None:
        if value is None:
            return value
        url = value.get_secret_value() if isinstance(value, SecretStr) else value
        for address in one_address_per_host(url) if several_hosts else entries_of(url) if several else [url]:
            parts = urlsplit(address)
            if parts.scheme not in schemes or not parts.hostname:
                raise ValueError(f"it must look like {example}")
            try:
                _ = parts.port
            except ValueError:
                raise ValueError("its port must be a number up to 65535") from None
        return value

    return AfterValidator(check)


#: The check that a setting, if it is set, is the address of an HTTP server.
IS_HTTP_URL: Final = is_url("http", "https", example="http://host:port or https://host")
#: The check that it holds such addresses, separated by commas.
ARE_HTTP_URLS: Final = is_url("http", "https", example="http://host:port or https://host", several=True)


def entries_of(value: str | None) -> tuple[str, ...]:
    """Return the entries of a setting that holds several, separated by commas."""
    return tuple(entry.strip() for entry in (value or "").split(",") if entry.strip())


def split_keys(keys: SecretStr) -> tuple[str, ...]:
    """Return the keys of a secret setting that holds several, separated by commas."""
    return entries_of(keys.get_secret_value())


def _are_long(keys: SecretStr | None) -> SecretStr | None:
    if keys is not None and min(map(len, split_keys(keys)), default=0) < 32:
        raise ValueError("each key must have at least 32 characters; `openssl rand -hex 32` makes one")
    return keys


#: The check that each key of a setting, if it is set, is long.
ARE_LONG: Final = AfterValidator(_are_long)

AnySettings = TypeVar("AnySettings", bound=Settings)


def load(settings: type[AnySettings], **values: object) -> AnySettings:
    """Read one settings class from the environment. Raise `ConfigurationError` with a line for each invalid variable.

    `values` come before the environment.
    """
    try:
        return settings(**values)
    except ValidationError as exc:
        raise ConfigurationError("\n".join(_sentences(settings, exc))) from None


def _sentences(settings: type[Settings], error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_input=False, include_url=False):
        field = str(fault["loc"][0]) if fault["loc"] else None
        name = PREFIX + field.upper() if field else "The settings"
        description = settings.model_fields[field].description if field else None
        hint = f" (it is: {description})" if description else ""
        reason = fault["msg"].removeprefix("Value error, ")
        problem = "is not set" if fault["type"] == "missing" else f"is wrong: {reason}"
        yield f"{name} {problem}{hint}."


def unknown(environment: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables with our prefix that nothing reads, each with the nearest name that exists."""
    ours = (name for name in environment if name.startswith(PREFIX) and not name.startswith(_OF_TESTS))
    wrong = [name for name in ours if name.removeprefix(PREFIX) not in _KNOWN]
    return {name: _nearest(name.removeprefix(PREFIX)) for name in sorted(wrong)}


def _nearest(name: str) -> str | None:
    # Who leaves the first word out of a limit means the default one.
    names = {setting.removeprefix("DEFAULT_"): setting for setting in _KNOWN} | {setting: setting for setting in _KNOWN}
    # A word that was left out makes a name less alike than a wrong letter does.
    longer = [setting for setting in sorted(_KNOWN) if setting.endswith(f"_{name}")]
    # Of one concern, such as `SMTP_`, even a distant name is what was meant.
    related = [setting for setting in sorted(names) if setting.partition("_")[0] == name.partition("_")[0]]
    alike = [name] if name in names else longer or difflib.get_close_matches(name, related, n=1, cutoff=0.5)
    alike = alike or difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.6)
    return f"{PREFIX}{names[alike[0]]}" if alike else None


def default_data_dir() -> Path:
    """Return the folder of embedded state if `PRECIEUX_DATA_DIR` is unset: the system's for root, else the user's."""
    if os.geteuid() == 0:
        return Path("/var/lib/precieux")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "precieux"


def fail(error: PrecieuxError) -> int:
    """Print the error, and return the exit code EX_CONFIG of sysexits.h."""
    print(f"precieux: {error}", file=sys.stderr)  # noqa: T201  (logging may not be configured yet)
    return os.EX_CONFIG
