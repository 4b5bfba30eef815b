"""Runs several processes of the API on one port, as a process that watches them (docs/scaling.md)."""

import os
import sys
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Final

from api_service.settings import ApiSettings
from shared.common.http.server import listening_socket
from shared.common.service.errors import ConfigurationError
from shared.common.service.logging import LogSettings, configure_logging
from shared.common.service.metrics import OF_ALL_PROCESSES
from shared.common.service.notify import notify_ready, notify_stopping
from shared.common.service.settings import fail, load
from shared.common.supervision.child import ChildProgram
from shared.common.supervision.supervisor import StartFailed, StopRequested, Supervisor

#: The settings that say where all processes listen.
ADDRESS: Final = "PRECIEUX_HOST and PRECIEUX_PORT"

#: The argument of a process that serves.
_SERVING: Final = "serving"


def run_processes(serve: Callable[[], int]) -> int:
    """Serve by this process, or by `PRECIEUX_API_PROCESSES` children if that is more than 1. Return the exit code."""
    if sys.argv[1:] == [_SERVING]:
        return serve()
    try:
        settings = load(ApiSettings)
        if settings.api_processes == 1:
            return serve()
        configure_logging("api_service", load(LogSettings))
        _watch(settings)
    except ConfigurationError as exc:
        return fail(exc)
    except StartFailed as exc:
        fail(exc)
        return os.EX_TEMPFAIL
    return 0


def _watch(settings: ApiSettings) -> None:
    """Keep the processes running until a stop signal, then let all of them end."""
    # Other programs' sockets are not shared, so here the port is seen to be taken.
    listening_socket(settings.host, settings.port, setting=ADDRESS).close()
    command = [sys.executable, "-P", "-m", "api_service", _SERVING]
    with TemporaryDirectory(prefix="precieux-metrics-") as metrics, Supervisor() as supervisor:
        environment = {**os.environ, OF_ALL_PROCESSES: metrics}
        numbers = range(1, settings.api_processes + 1)
        try:
            supervisor.start([ChildProgram(f"API process {number}", command, environment) for number in numbers])
            supervisor.wait_ready()
            notify_ready()
            supervisor.run_forever()
        except StopRequested:
            notify_stopping()
