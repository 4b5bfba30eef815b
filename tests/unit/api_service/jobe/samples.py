"""The engine's languages, and runs of Jobe's clients that use them."""

import json
from collections.abc import Mapping
from typing import Any, Final

from api_service.doors.jobe.languages import languages_of
from api_service.doors.jobe.request import RunSpec, read_run
from api_service.languages.catalog import LanguageCatalog
from shared.engine_api.codex import LimitBounds, SupportedLanguage

_MIB: Final = 1 << 20
BOUNDS: Final = {
    "cpu_s": LimitBounds(default=2, max=60),
    "wall_s": LimitBounds(default=14, max=300),
    "memory_bytes": LimitBounds(default=256 * _MIB, max=2048 * _MIB),
    "output_bytes": LimitBounds(default=_MIB, max=_MIB),
    "processes": LimitBounds(default=512, max=512),
}


def _language(code: str, info: str, *, args: tuple[str, ...] = (), compiled: bool = False) -> SupportedLanguage:
    return SupportedLanguage(
        language=code,
        info=info,
        compiled=compiled or bool(args),
        compiler_args=list(args),
        limits=BOUNDS,
    )


LANGUAGES: Final = languages_of(
    LanguageCatalog(
        {
            "rs": _language("rs", "rustc 1.85.0", compiled=True),
            "py": _language("py", "Python 3.13.5"),
            "pas": _language("pas", "3.2.2", args=("-O1",)),
            "js": _language("js", "v20.19.2"),
            "php": _language("php", "PHP 8.4.11"),
            "octave": _language("octave", "GNU Octave, version 9.4.0"),
            "java": _language("java", 'openjdk version "17.0.17" 2025-10-21', args=("-Xlint",)),
            "cpp": _language("cpp", "g++ (Debian 14.2.0-19) 14.2.0", args=("-Wall", "-Werror")),
            "c": _language(
                "c",
                "gcc (Debian 14.2.0-19) 14.2.0",
                args=("-Wall", "-Werror", "-std=*", "-O1", "-D*", "-lm"),
            ),
            "foreign": SupportedLanguage(language="foreign", info="1.0"),
        }
    )
)


def read(body: bytes | Mapping[str, Any], max_cputime: float = 120) -> RunSpec:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_run(sent, LANGUAGES, 1 << 20, max_cputime)


def spec(language: str = "python3", source: str = "x", **fields: Any) -> RunSpec:
    """Return the run of a source. Keys of Jobe's parameters are parameters."""
    own = ("input", "sourcefilename", "file_list")
    parameters = {name: value for name, value in fields.items() if name not in own}
    run = {"language_id": language, "sourcecode": source, "parameters": parameters}
    return read({"run_spec": run | {name: fields[name] for name in own if name in fields}})
