"""Compiles the part of the sandbox that is written in C (`init/`): when Precieux is installed, and whenever its sources
have changed. `python -m executor.sandbox.init.build` does it for images.

Any C compiler works. Without one, that of the wheel `ziglang` is used, if it is installed.
"""

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.atomic_write import replace_file
from shared.errors import ConfigurationError

_FOLDER = Path(__file__).parent
WORDS = (
    "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-fPIC", "-fvisibility=hidden", "-s",
    "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-Wl,-z,relro,-z,now",
)  # fmt: skip
_COMPILERS = ("cc", "gcc", "clang")
#: The oldest C library with which the result of the wheel's compiler works.
_OLDEST_GLIBC = "2.28"
#: Usually it takes some seconds. The wheel's compiler takes longer the first time.
_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Compiled:
    """The C code as a library that a runtime loads, and as a program."""

    library: Path
    program: Path

    def exists(self) -> bool:
        return self.library.exists() and self.program.exists()


def find_compiled() -> Compiled:
    """Return the compiled files, which are made if they are missing. Raises `ConfigurationError` if that fails."""
    # The name includes the C library's version, because an older one cannot load what was compiled for a newer one.
    name = f"{platform.machine()}-{''.join(platform.libc_ver())}-{_digest()}"
    compiled = Compiled(_FOLDER / f"init-{name}.so", _FOLDER / f"zygote-{name}.bin")
    failures = []
    for compiler in () if compiled.exists() else _compilers():
        try:
            _compile([*compiler, *WORDS, "-shared"], compiled.library)
            _compile([*compiler, *WORDS], compiled.program)
            break
        except _CannotCompile as exc:
            failures.append(str(exc))
        except OSError as exc:
            raise ConfigurationError(f"The sandbox's part in C cannot be written to {_FOLDER}: {exc}") from exc
    if not compiled.exists():
        raise ConfigurationError(
            "The sandbox has a part in C, and no working C compiler was found: "
            f"run `apt install gcc libc6-dev`, or, without root, `pip install ziglang`. {' '.join(failures)}".strip()
        )
    return compiled


class _CannotCompile(Exception):
    """The compiler's message."""


def _compilers() -> Iterator[Sequence[str]]:
    """Yield commands that compile C, without their arguments."""
    for path in filter(None, map(shutil.which, _COMPILERS)):
        yield [path]
    if importlib.util.find_spec("ziglang"):
        yield [sys.executable, "-m", "ziglang", "cc", "-target", f"{platform.machine()}-linux-gnu.{_OLDEST_GLIBC}"]


def _sources() -> list[Path]:
    return sorted(_FOLDER.glob("*.[ch]"))


def _digest() -> str:
    texts = [source.read_bytes() for source in _sources()]
    return hashlib.sha256(b"\0".join([*texts, " ".join(WORDS).encode()])).hexdigest()[:16]


def _compile(command: Sequence[str], target: Path) -> None:
    sources = [str(source) for source in _sources() if source.suffix == ".c"]
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / target.name
        argv = [*command, "-o", str(draft), *sources]
        environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder}
        try:
            subprocess.run(argv, env=environment, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired as exc:
            raise _CannotCompile(f"{command[0]} took longer than {_TIMEOUT_S:g} s.") from exc
        except subprocess.CalledProcessError as exc:
            raise _CannotCompile(f"{command[0]} failed: {exc.stderr.strip()}") from exc
        except OSError as exc:
            raise _CannotCompile(f"{command[0]} cannot be started: {exc.strerror}.") from exc
        replace_file(target, draft.read_bytes(), mode=0o755)  # the executor may run as another user


if __name__ == "__main__":
    print(find_compiled().library)  # noqa: T201
