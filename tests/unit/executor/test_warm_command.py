"""`python -m executor.warm`."""

import asyncio
import os
from pathlib import Path

from executor.limits import compile_step_limits as compilation
from executor.sandbox.base import Job, Step, Template
from executor.settings import ExecutorSettings
from executor.warm import __main__ as command


def test_tools_leave_no_files_outside_of_a_box() -> None:
    """Go writes files below `XDG_CONFIG_HOME`, which is /box/tmp/config in a box."""
    limits = compilation(ExecutorSettings())
    argv = ("/bin/sh", "-c", 'mkdir -p "$OWN" && echo "$OWN"')
    step = Step(argv, {"PATH": os.defpath, "OWN": "/box/tmp/config"}, limits, 1000)
    result = asyncio.run(command._NoSandbox().run(Job({}, step, Template(1000, limits))))
    used = Path(result.stdout.decode().strip())
    assert (used.name, used.is_relative_to("/box"), used.exists()) == ("config", False, False)
