"""The settings of the API."""

import re
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, SecretStr, field_validator

from shared.common.service.settings import ARE_HTTP_URLS, ARE_LONG, Settings, entries_of, split_keys
from shared.common.text.email_addresses import is_recipient
from shared.engine_api.languages import ALIASES, check_lang
from shared.engine_api.run_call.limits import JUDGE_OUTPUT_BYTES, MAX_JUDGE_OUTPUT_BYTES

DOORS: Final = ("piston", "judge0", "jobe", "sandboxfusion", "mcp")
_BODIES_BYTES: Final = 16 << 20
_FACTOR: Final = re.compile(r"\w+\s*=\s*(?:[1-9]\d{0,3}(?:\.\d{1,6})?|0\.\d{0,5}[1-9])", re.ASCII)


class ApiSettings(Settings):
    host: str = Field(default="127.0.0.1", description="the address to listen on, such as 127.0.0.1")
    port: int = Field(default=8000, ge=1, le=65535, description="the port to listen on")
    api_processes: int = Field(
        default=1, ge=1, le=64, description="processes of the API on this machine; they share connections and bodies"
    )
    max_source_bytes: int = Field(default=1 << 20, ge=1, le=64 << 20, description="bytes of a program's source text")
    max_checker_bytes: int = Field(
        default=1 << 20, ge=1, le=64 << 20, description="bytes of all files of a checker or an interactor"
    )
    max_judged_output_bytes: int = Field(
        default=MAX_JUDGE_OUTPUT_BYTES,
        ge=JUDGE_OUTPUT_BYTES,
        description="the most bytes that a checker or an interactor may be allowed to write",
    )
    max_package_bytes: int = Field(default=64 << 20, ge=1, description="bytes of a problem's package, the zip")
    max_problem_bytes: int = Field(default=512 << 20, ge=1, description="bytes of a package's files, unpacked")
    max_problem_tests: int = Field(default=1000, ge=1, le=1000, description="tests of a problem")
    max_test_bytes: int = Field(default=100 << 20, ge=1, description="bytes of one input or answer of a problem")
    key_problem_bytes: int = Field(default=4 << 30, ge=1, description="bytes of the problems that one key may store")
    language_time_factors: str = Field(
        default="", description="by what problems' time limits are multiplied for some languages, such as py=3,java=2"
    )
    max_input_bytes: int = Field(default=1 << 20, ge=0, le=64 << 20, description="bytes of a program's standard input")
    api_keys: Annotated[SecretStr | None, ARE_LONG] = Field(
        default=None, description="the operator's keys, separated by commas, each of at least 32 characters"
    )
    local_key: SecretStr | None = Field(
        default=None, description="the key of this machine's command line; `precieux up` makes and sets one"
    )
    key_budget: int = Field(
        default=6000, ge=1, description="submissions that one key may send an hour, and executions that it may request"
    )
    key_bytes: int = Field(
        default=1 << 30, ge=1, description="bytes of sources, inputs and tests that one key may send an hour"
    )
    max_backlog: int = Field(
        default=100_000, ge=1, description="requests without a result at which new ones are refused"
    )
    recipient_budget: int = Field(
        default=600,
        ge=1,
        description="executions mailed to one address an hour; to one domain, a hundred times as many, at least 60000",
    )
    recipients: str | None = Field(
        default=None,
        description="the only domains and addresses that may be mailed, separated by commas, such as"
        " example.edu,*.example.edu,someone@example.com",
    )

    codex_url: Annotated[str | None, ARE_HTTP_URLS] = Field(
        default=None, description="the address of our engine, for runs that are not stored; unset, there are none"
    )
    codex_token: SecretStr | None = Field(default=None, description="the token that the engine expects")
    front_doors: str = Field(
        default="",
        description="the front doors that are open, separated by commas: piston, judge0, jobe, sandboxfusion, mcp",
    )
    judge0_conf: Path | None = Field(
        default=None, description="a judge0.conf whose limits and switches Judge0's clients get"
    )
    web: bool = Field(default=True, description="serve the pages for people; that of recipients is always served")

    connections: int = Field(default=512, ge=1, description="connections at once; each needs an open file")
    connections_per_address: int = Field(
        default=128,
        ge=1,
        description="connections of one address at once; behind a proxy, all clients share its address",
    )
    max_streams: int = Field(
        default=250,
        ge=1,
        description="event streams that one key may have open at one process; all keys, four times as many",
    )
    mailgun_signing_key: SecretStr | None = Field(
        default=None, description="the key that signs Mailgun's events; unset, `POST /v1/mailgun/events` does not exist"
    )

    @field_validator("recipients")
    @classmethod
    def _are_recipients(cls, value: str | None) -> str | None:
        if value is not None and not entries_of(value):
            raise ValueError("it names nobody")
        for name in entries_of(value):
            if not is_recipient(name):
                raise ValueError(f"{name!r} is not a domain, a *.domain or an address")
        return value

    @field_validator("language_time_factors")
    @classmethod
    def _are_factors(cls, value: str) -> str:
        for entry in entries_of(value):
            if not _FACTOR.fullmatch(entry):
                raise ValueError(f"{entry!r} is not like py=3")
            name = entry.partition("=")[0].strip()
            # Another engine may have languages that we do not know.
            if check_lang(name) is None and (nearest := get_close_matches(name, chain(*ALIASES.values()), n=1)):
                raise ValueError(f"{name!r} is no language: write {nearest[0]}")
        return value

    @field_validator("front_doors")
    @classmethod
    def _are_doors(cls, value: str) -> str:
        for name in entries_of(value):
            if name not in DOORS:
                raise ValueError(f"{name!r} is not one of {', '.join(DOORS)}")
        return value

    @property
    def time_factors(self) -> dict[str, float]:
        """The factors in `language_time_factors`, by the codes of languages."""
        factors = (entry.partition("=") for entry in entries_of(self.language_time_factors))
        return {check_lang(name) or name.strip(): float(factor) for name, _, factor in factors}

    @property
    def doors(self) -> frozenset[str]:
        return frozenset(entries_of(self.front_doors))

    @property
    def allowed_recipients(self) -> tuple[str, ...] | None:
        """The entries of `recipients`, or None if all may be mailed."""
        return entries_of(self.recipients) if self.recipients else None

    @property
    def domain_budget(self) -> int:
        return max(60_000, 100 * self.recipient_budget)

    @property
    def largest_body_bytes(self) -> int:
        """The bytes of a source and an input, or at least of a checker, and what a form adds to them: boundaries,
        headers, other fields."""
        return max(self.max_source_bytes + self.max_input_bytes, self.max_checker_bytes) + (64 << 10)

    @property
    def all_bodies_bytes(self) -> int:
        """The bytes of all bodies at once, without the first 64 KiB of each: at least one body of the largest size."""
        return max(self.part(_BODIES_BYTES), self.largest_body_bytes)

    def part(self, bound: int) -> int:
        """Return the part of a bound of all processes that one of them has, at least 1."""
        return max(bound // self.api_processes, 1)

    def of_one_process(self) -> Self:
        """Return the same settings, with the part of the connections that one process has."""
        names = ("connections", "connections_per_address")
        return self.model_copy(update={name: self.part(getattr(self, name)) for name in names})

    @property
    def operator_keys(self) -> tuple[str, ...]:
        return split_keys(self.api_keys) if self.api_keys else ()
