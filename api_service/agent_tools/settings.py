"""The settings of the MCP server."""

import re
from typing import Final

from pydantic import Field, field_validator

from shared.common.service.settings import Settings, entries_of

_ORIGIN: Final = re.compile(r"https?://[^/?#,\s]+")


class McpSettings(Settings):
    mcp_wait_seconds: float = Field(
        default=50, gt=0, le=3600, description="seconds after which `run_code` gives up a run"
    )
    mcp_origins: str | None = Field(
        default=None,
        description="origins of web pages that may call the MCP server, separated by commas, such as"
        " https://agents.example.edu",
    )

    @field_validator("mcp_origins")
    @classmethod
    def _are_origins(cls, value: str | None) -> str | None:
        for origin in entries_of(value):
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is not like https://agents.example.edu")
        return value

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(entries_of(self.mcp_origins))
