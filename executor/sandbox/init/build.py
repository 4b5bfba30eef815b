"""The part of the sandbox that is written in C (`init/`): compiled when Precieux is installed, and anew whenever its
sources have changed. `python -m executor.sandbox.init.build` does it for images.

Any C compiler will do; where there is none, the one in the wheel `ziglang` is used, if that is installed.
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

from shared.errors import ConfigurationError

_FOLDER = Path(__file__).parent
WORDS = (
    "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-fPIC", "-fvisibility=hidden", "-s",
    "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-Wl,-z,relro,-z,now",
)  # fmt: skip
_COMPILERS = ("cc", "gcc", "clang")
#: The oldest C library that the wheel's compiler is asked to serve: the programs' Python is the system's.
_OLDEST_GLIBC = "2.28"
#: Some seconds are usual; the wheel's compiler, when it is used for the first time, takes more.
_LONGEST_S = 300.0


@dataclass(frozen=True)
class Compiled:
    """A library for a Python to load, and the same as a program."""

    library: Path
    program: Path

    def exists(self) -> bool:
        return self.library.exists() and self.program.exists()


def find_compiled() -> Compiled:
    """Where they are; they are compiled if they are missing. `ConfigurationError` when that cannot be."""
    # With the C library's version, as what a newer one's headers make of our sources an older one cannot load.
    name = f"{platform.machine()}-{''.join(platform.libc_ver())}-{_digest()}"
    made = Compiled(_FOLDER / f"init-{name}.so", _FOLDER / f"zygote-{name}.bin")
    complaints = []
    for compiler in () if made.exists() else _compilers():
        try:
            _compile([*compiler, *WORDS, "-shared"], made.library)
            _compile([*compiler, *WORDS], made.program)
            break
        except _CannotCompile as exc:
            complaints.append(str(exc))
        except OSError as exc:
            raise ConfigurationError(f"The sandbox's part in C cannot be written to {_FOLDER}: {exc}") from exc
    if not made.exists():
        raise ConfigurationError(
            "The sandbox has a part in C, and no compiler for it was found: "
            f"run `apt install gcc libc6-dev`, or, without root, `pip install ziglang`. {' '.join(complaints)}".strip()
        )
    return made


class _CannotCompile(Exception):
    """What the compiler says."""


def _compilers() -> Iterator[Sequence[str]]:
    """The beginnings of commands that compile C."""
    for path in filter(None, map(shutil.which, _COMPILERS)):
        yield [path]
    if importlib.util.find_spec("ziglang"):
        yield [sys.executable, "-m", "ziglang", "cc", "-target", f"{platform.machine()}-linux-gnu.{_OLDEST_GLIBC}"]


def _sources() -> list[Path]:
    return sorted(_FOLDER.glob("*.[ch]"))


def _digest() -> str:
    texts = [source.read_bytes() for source in _sources()]
    return hashlib.sha256(b"\0".join([*texts, " ".join(WORDS).encode()])).hexdigest()[:16]


def _compile(command: Sequence[str], made: Path) -> None:
    sources = [str(source) for source in _sources() if source.suffix == ".c"]
    with tempfile.TemporaryDirectory(dir=made.parent) as folder:
        draft = Path(folder) / made.name
        words = [*command, "-o", str(draft), *sources]
        environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder}
        try:
            subprocess.run(words, env=environment, check=True, capture_output=True, text=True, timeout=_LONGEST_S)
        except subprocess.TimeoutExpired as exc:
            raise _CannotCompile(f"{command[0]} took longer than {_LONGEST_S:g} s.") from exc
        except subprocess.CalledProcessError as exc:
            raise _CannotCompile(f"{command[0]} says: {exc.stderr.strip()}") from exc
        except OSError as exc:
            raise _CannotCompile(f"{command[0]} cannot be started: {exc.strerror}.") from exc
        draft.chmod(0o755)  # the executor may be another user's
        draft.replace(made)


if __name__ == "__main__":
    print(find_compiled().library)  # noqa: T201
