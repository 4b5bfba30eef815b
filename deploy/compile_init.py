"""Hatch's build hook: compiles the sandbox's C code when Precieux is installed or packed into a wheel.

Without a C compiler, the build environment gets the one of the wheel `ziglang`. `deploy/bootstrap` installs hatchling
and, if needed, ziglang by their hashes.
"""

import platform
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileInit(BuildHookInterface):
    def dependencies(self) -> list[str]:
        try:
            self._compiled()
        except Exception:  # for any reason: with another compiler it may work
            return ["ziglang"]
        return []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        output = self._compiled()
        build_data["artifacts"] += [f"executor/sandbox/init/{file.name}" for file in (output.library, output.program)]
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-linux_{platform.machine()}"

    def _compiled(self) -> Any:
        sys.path.insert(0, self.root)
        from executor.sandbox.init.build import find_compiled

        return find_compiled()
