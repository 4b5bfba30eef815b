"""Compiles the part of the sandbox that is written in C (`init/`), and finds the result.

`python -m executor.sandbox.init.build` compiles it beside its sources, for an image or a checkout. A wheel has it
already, compiled for machines with glibc 2.28 or later. If neither is there, or does not work on this machine, the
executor compiles it into its cache folder. Any C compiler works, and so does the wheel `ziglang`.
"""

import ctypes
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.common.files.atomic_write import replace_file
from shared.common.service.errors import ConfigurationError

FOLDER = Path(__file__).parent
WORDS = (
    "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-fPIC", "-fvisibility=hidden", "-s", "-pthread",
    "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-Wl,-z,relro,-z,now",
)  # fmt: skip
_COMPILERS = ("cc", "gcc", "clang")
#: The oldest C library with which the result of ziglang's compiler works.
OLDEST_GLIBC = "2.28"
#: Usually it takes some seconds. The wheel's compiler takes longer the first time.
_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class CompiledInit:
    """The C code as a library that a runtime loads, and as a program."""

    library: Path
    program: Path

    def works(self) -> bool:
        """Return True if both files are there, and this machine's C library is new enough for them."""
        if not (self.library.exists() and self.program.exists()):
            return False
        try:
            ctypes.CDLL(str(self.library))  # the program was compiled with the same libraries
        except OSError:
            return False
        return True


def find_compiled(cache: Path | None) -> CompiledInit:
    """Return the files that came with Precieux if they work here, else those of the cache folder. Compile if needed.

    Raises `ConfigurationError` if nothing can be compiled or written.
    """
    shipped = _files(FOLDER)
    if shipped.works():
        return shipped
    if cache is None:
        raise ConfigurationError(
            "The sandbox has a part in C, which must be compiled on this machine, and there is no folder for it: "
            "set XDG_CACHE_HOME to a folder into which only the executor's user can write (root: /var/cache/precieux)."
        )
    return compile_into(cache)


def compile_into(folder: Path) -> CompiledInit:
    """Return the compiled files in the folder, made by this machine's compiler if they are missing or do not work."""
    compiled = _files(folder)
    return compiled if compiled.works() else _compile(compiled, _compilers())


def compile_for(machine: str, folder: Path) -> CompiledInit:
    """Compile for any Linux with glibc 2.28 or later on this machine type, such as `aarch64`. This needs `ziglang`."""
    return _compile(_files(folder, machine), [_ziglang(machine)])


def _files(folder: Path, machine: str = platform.machine()) -> CompiledInit:
    name = f"{machine}-{_digest()}"
    return CompiledInit(folder / f"init-{name}.so", folder / f"zygote-{name}.bin")


def _compile(compiled: CompiledInit, compilers: Iterable[Sequence[str]]) -> CompiledInit:
    failures = []
    for compiler in compilers:
        try:
            _run([*compiler, *WORDS, "-shared"], compiled.library)
            _run([*compiler, *WORDS], compiled.program)
        except _CannotCompile as exc:
            failures.append(str(exc))
        except OSError as exc:
            raise ConfigurationError(
                f"The sandbox's part in C cannot be written to {compiled.library.parent}: {exc}"
            ) from exc
        else:
            return compiled
    raise ConfigurationError(
        "The sandbox has a part in C, and no working C compiler was found: "
        f"run `apt install gcc libc6-dev`, or, without root, `pip install ziglang`. {' '.join(failures)}".strip()
    )


class _CannotCompile(Exception):
    """The compiler's message."""


def _compilers() -> Iterator[Sequence[str]]:
    """Yield commands that compile C for this machine, without their arguments."""
    for path in filter(None, map(shutil.which, _COMPILERS)):
        yield [path]
    if importlib.util.find_spec("ziglang"):
        yield _ziglang(platform.machine())


def _ziglang(machine: str) -> Sequence[str]:
    return [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine}-linux-gnu.{OLDEST_GLIBC}"]


def _sources() -> list[Path]:
    return sorted(FOLDER.glob("*.[ch]"))


def _digest() -> str:
    texts = [source.read_bytes() for source in _sources()]
    return hashlib.sha256(b"\0".join([*texts, " ".join(WORDS).encode()])).hexdigest()[:16]


def _run(command: Sequence[str], target: Path) -> None:
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
    print(compile_into(FOLDER).library)  # noqa: T201
