"""Hatch's hook: the sandbox's part in C is compiled when Precieux is installed or packed into a wheel.

Where there is no C compiler, that of the wheel `ziglang` is fetched for it, and goes with the build's environment.
`deploy/bootstrap` brings both hatchling and, where it must, ziglang itself, by their hashes.
"""

import platform
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileInit(BuildHookInterface):
    def dependencies(self) -> list[str]:
        try:
            self._compiled()
        except Exception:  # whatever the reason: with a compiler of its own it may work
            return ["ziglang"]
        return []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        made = self._compiled()
        build_data["artifacts"] += [f"executor/sandbox/init/{file.name}" for file in (made.library, made.program)]
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-linux_{platform.machine()}"

    def _compiled(self) -> Any:
        sys.path.insert(0, self.root)
        from executor.sandbox.init.build import find_compiled

        return find_compiled()
