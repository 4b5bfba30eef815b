"""The settings of the connection to the engine."""

from typing import Annotated

from pydantic import Field, SecretStr

from shared.common.service.settings import ARE_HTTP_URLS, Settings


class EngineSettings(Settings):
    codex_url: Annotated[
        str,
        ARE_HTTP_URLS,
        Field(
            description="the address of a CodeX API, such as http://127.0.0.1:8100, or several, separated by commas;"
            " all hosts of a name are used"
        ),
    ]
    codex_token: Annotated[
        SecretStr | None, Field(description="the token that the engine expects as `Authorization: Bearer`")
    ] = None
    codex_timeout: Annotated[
        float, Field(gt=0, le=3600, description="seconds to wait for an answer, beyond what a test may take")
    ] = 120
    artifact_bytes: Annotated[
        int,
        Field(ge=0, le=16 << 20, description="bytes of all files that come back of a program's folder `out`; 0: none"),
    ] = 4 << 20
    max_output_bytes: Annotated[int, Field(ge=1024, le=64 << 20, description="bytes kept of each output stream")] = (
        1 << 20
    )
