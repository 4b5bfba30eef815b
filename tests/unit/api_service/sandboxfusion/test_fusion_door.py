"""The paths of SandboxFusion's door, and how long its requests wait."""

import asyncio
import time
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import Message

from api_service.doors.sandboxfusion.app import open_door, run_within
from api_service.doors.sandboxfusion.program import FusionProgram
from api_service.doors.sandboxfusion.request import NotRunnable
from api_service.http.errors import ApiError, Kind
from api_service.transient.ended import EndedRun, EngineFailed, Quarantined

_PROGRAM = FusionProgram(b"program", {}, tells_compiler=False, spare_s=0)
_RUN = EndedRun()


@pytest.mark.parametrize(
    ("path", "routed"),
    [
        ("/run_code", "/run_code"),
        ("/run_jupyter/", "/run_jupyter"),
        ("/v1/ping", "/v1/ping"),
        ("/submit", "/submit"),
        ("/sandboxfusion/secret/run_code", "/sandboxfusion/-/run_code"),
        ("/sandboxfusion/secret/v1/ping/", "/sandboxfusion/-/v1/ping"),
        ("/sandboxfusion/secret", "/sandboxfusion/-"),
        ("/sandboxfusion", None),
        ("/v1/limits", None),
        ("/", None),
    ],
)
def test_a_path_is_routed_without_its_key(path: str, routed: str | None) -> None:
    services: Any = None  # which it does not need
    path_of = open_door(services).path_of
    assert path_of({"path": path}) == routed
    assert routed is None or path_of({"path": routed}) == routed


@pytest.mark.parametrize(
    ("path", "headers", "key"),
    [
        ("/sandboxfusion/sec%20ret/run_code", {}, "sec ret"),
        ("/sandboxfusion/wrong/run_code", {"Authorization": "Bearer secret"}, "secret"),
        ("/run_code", {"Authorization": "Bearer secret"}, "secret"),
        ("/run_code", {}, ""),
    ],
)
def test_a_key_is_in_a_field_or_in_the_path(path: str, headers: dict[str, str], key: str) -> None:
    services: Any = None
    fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    connection = HTTPConnection({"type": "http", "raw_path": path.encode(), "headers": fields})
    assert open_door(services).key_of(connection) == key


async def _run(*errors: ApiError, wait_s: float = 30, has_gone: bool = False) -> EndedRun:
    """Return how a program ran after these errors, one at each try."""
    place = Mock(run=AsyncMock(side_effect=[*errors, _RUN]))

    async def receive() -> Message:
        if not has_gone:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return await run_within(place, Mock(receive=receive), _PROGRAM, time.monotonic() + wait_s)


def _quota(seconds: str) -> ApiError:
    return ApiError(Kind.QUOTA_EXCEEDED, "Used up.", headers={"Retry-After": seconds})


async def test_a_key_without_run_time_waits_for_more() -> None:
    assert await _run(_quota("0"), _quota("0")) is _RUN
    with pytest.raises(ApiError) as late:
        await _run(_quota("3600"), _quota("3600"), wait_s=0.05)
    assert late.value.kind is Kind.QUOTA_EXCEEDED


async def test_a_client_that_has_gone_does_not_wait() -> None:
    with pytest.raises(ClientDisconnect):
        await _run(_quota("5"), has_gone=True)


@pytest.mark.parametrize("error", [EngineFailed(), Quarantined(), ApiError(Kind.INVALID, "No such option.")])
async def test_what_no_repeat_can_mend_is_not_repeated(error: ApiError) -> None:
    with pytest.raises(NotRunnable, match=error.detail):
        await _run(error)


async def test_an_engine_that_is_full_is_another_error() -> None:
    with pytest.raises(ApiError):
        await _run(ApiError(Kind.UNAVAILABLE, "All slots are taken."))
