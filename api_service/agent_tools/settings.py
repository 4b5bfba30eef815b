"""The settings of the MCP server."""

import re
from typing import Annotated, Final

from pydantic import Field, field_validator

from shared.service.settings import Settings

_ORIGIN: Final = re.compile(r"https?://[^/?#,\s]+")


class McpSettings(Settings):
    mcp_wait_seconds: Annotated[
        float, Field(gt=0, le=3600, description="seconds after which `run_code` gives up a run")
    ] = 50
    mcp_origins: Annotated[
        str | None,
        Field(
            description="origins of web pages that may call the MCP server, separated by commas, such as"
            " https://agents.example.edu"
        ),
    ] = None

    @field_validator("mcp_origins")
    @classmethod
    def _are_origins(cls, value: str | None) -> str | None:
        for origin in _split(value):
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is not like https://agents.example.edu")
        return value

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(_split(self.mcp_origins))


def _split(origins: str | None) -> list[str]:
    return [origin.strip() for origin in (origins or "").split(",") if origin.strip()]
