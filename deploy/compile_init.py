"""Hatch's build hook: compiles the sandbox's C code when Precieux is installed or packed into a wheel.

A wheel for x86_64 or aarch64 runs on every Linux with glibc 2.28 or later, because ziglang's compiler makes its C part.
`WHEEL_MACHINE` names another machine than this one. For an editable installation, and for other machines and C
libraries, this machine's own compiler is used, or ziglang if there is none. `deploy/bootstrap` installs hatchling and,
if needed, ziglang by their hashes.
"""

import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PORTABLE = ("x86_64", "aarch64")


class CompileInit(BuildHookInterface):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        sys.path.insert(0, self.root)
        from executor.sandbox.init import build

        self._build = build
        self._machine = os.environ.get("WHEEL_MACHINE") or platform.machine()
        self._drafts = tempfile.TemporaryDirectory(prefix="precieux-wheel-")

    def dependencies(self) -> list[str]:
        return ["ziglang"] if self._is_portable() or not self._compiles_here() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build_data["pure_python"] = False
        if version == "editable":
            self._build.compile_into(self._build.FOLDER)
            return
        drafts = Path(self._drafts.name)
        if self._is_portable():
            compiled = self._build.compile_for(self._machine, drafts)
            system = f"manylinux_{self._build.OLDEST_GLIBC.replace('.', '_')}"
        else:
            compiled = self._build.compile_into(drafts)
            system = "linux"
        build_data["tag"] = f"py3-none-{system}_{self._machine}"
        for file in (compiled.library, compiled.program):
            build_data["force_include"][str(file)] = f"executor/sandbox/init/{file.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self._drafts.cleanup()

    def _is_portable(self) -> bool:
        return self._machine in _PORTABLE and platform.libc_ver()[0] == "glibc"

    def _compiles_here(self) -> bool:
        try:
            self._build.compile_into(self._build.FOLDER)
        except Exception:  # for any reason: with another compiler it may work
            return False
        return True
