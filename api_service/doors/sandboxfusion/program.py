"""Makes the program of a request: its files, its limits, and what comes back. Pure."""

import base64
import json
import math
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from api_service.doors.program import DoorProgram, within
from api_service.doors.sandboxfusion.languages import find
from api_service.doors.sandboxfusion.request import CodeBody, NotebookBody, NotRunnable, read_body
from api_service.languages.catalog import EngineLanguage, LanguageCatalog
from shared.common.text import source_paths
from shared.engine_api.run_call.limits import MAX_FETCHED, MAX_FILES, is_allowed

#: SandboxFusion does not write a file whose name contains this.
_IGNORED: Final = "IGNORE_THIS_FILE"
#: The folder of a box whose files come back beside those of the program's own folder.
_TEMPORARY: Final = "/tmp/"  # noqa: S108  (that of its box)
#: Where a box has the operator's archives of Java.
_JARS: Final = "/jars/*"
#: CPU seconds for each second of a time limit, so that several threads may compute at once.
_PROCESSORS: Final = 4
#: The least and the most that a time limit may be, so that it is a finite number. The engine has lower ones.
_MIN_SECONDS, _MAX_SECONDS = 0.001, 6000.0
#: The most seconds that a client may leave for a compiler that there is not, since its request waits for as long.
_MAX_SPARE_SECONDS: Final = 60.0
#: Seconds that a notebook has for its start in SandboxFusion.
_START_SECONDS: Final = 10.0
_MIB: Final = 1 << 20
_OBJECT: Final = re.compile(r"\bobject\s+\w+")
_DRIVER: Final = (Path(__file__).parent / "notebook_driver.py").read_bytes()


@dataclass(frozen=True, slots=True)
class FusionProgram:
    """The engine's request of a program, and what its answer depends on.

    `fetched` are the paths in the box by the texts that asked for them. `tells_compiler` is True if the answer has the
    stage of the compiler. `spare_s` are the seconds that its client leaves for a compiler that there is not.
    """

    request: bytes = field(repr=False)
    fetched: Mapping[str, str]
    tells_compiler: bool
    spare_s: float


def code_program(content: bytes, catalog: LanguageCatalog, memory_mb: int | None) -> FusionProgram:
    """Return the program of a body of `run_code`. Raises `Unreadable`, or `NotRunnable`.

    `memory_mb` is the memory of a program that asks for no limit; None is the most.
    """
    body = read_body(content, CodeBody)
    language, installed = find(body.language, catalog)
    files = _files(body.files) if language.takes_files else {}
    compiler_args, interpreter_args = [*language.compiler_args], [*language.interpreter_args]
    if jars := [path for path in files if path.endswith(".jar")]:
        class_path = ":".join([".", *jars, _JARS])
        compiler_args.append(f"--class-path={class_path}")
        interpreter_args += ["-cp", class_path] if language.code == "java" else []
    compile_limits = _times(body.compile_timeout)
    fields = {
        "compiler_args": [word for word in compiler_args if is_allowed(word, installed.compiler_args)],
        "interpreter_args": interpreter_args,
        "compile_limits": compile_limits,
        "limits": within(_limits(body, body.run_timeout, memory_mb), installed.limits),
    }
    source = _source(body.code, body.language).encode() or b"\n"  # the engine refuses an empty file
    request, fetched = _request(installed, source, files, body, body.stdin or "", fields)
    spare_s = 0.0 if installed.is_compiled else min(_MAX_SPARE_SECONDS, compile_limits["wall_s"])
    return FusionProgram(request, fetched, language.compiles, spare_s)


def notebook_program(content: bytes, catalog: LanguageCatalog, memory_mb: int | None) -> FusionProgram:
    """Return the program of a body of `run_jupyter`, which runs the cells of its input. Raises as `code_program`."""
    body = read_body(content, NotebookBody)
    _, installed = find("python", catalog)
    limits = {**_limits(body, body.total_timeout, memory_mb), "output_bytes": math.inf}
    fields = {"limits": within(limits, installed.limits)}
    request, fetched = _request(installed, _DRIVER, _files(body.files), body, json.dumps(body.cells), fields)
    return FusionProgram(request, fetched, tells_compiler=False, spare_s=_START_SECONDS)


def _request(
    installed: EngineLanguage,
    source: bytes,
    files: Mapping[str, bytes],
    body: CodeBody | NotebookBody,
    stdin: str,
    fields: Mapping[str, Any],
) -> tuple[bytes, dict[str, str]]:
    """Return the engine's request, and the paths of the files that come back by the texts that asked for them."""
    entry = installed.main
    while entry in files or any(path.startswith(f"{entry}/") for path in files):
        stem, dot, extension = entry.partition(".")
        entry = f"{stem}_{dot}{extension}"
    fetched = _fetched(body.fetch_files)
    fields = {
        **fields,
        "data_files": list(files),
        "output_order": True,  # keeps the two outputs of a compiler apart
        "fetch": list(dict.fromkeys(fetched.values())),
    }
    program = DoorProgram(installed, {entry: source, **files}, entry, (), fields)
    return program.engine_request(stdin), fetched


def _source(code: str, language: str) -> str:
    match language:
        case "php":
            code = code.lstrip()
            return code if code.startswith("<?php") else f"<?php {code}"
        case "typescript":
            return f"// @ts-nocheck\n{code}"  # types are stripped, not checked
        case "scala" if not _OBJECT.search(code):
            raise NotRunnable("The program has no `object` that could be run.")
    return code


def _files(files: Mapping[str, str | None]) -> dict[str, bytes]:
    written = {
        _path(name): _decoded(name, text) for name, text in files.items() if text is not None and _IGNORED not in name
    }
    if len(written) >= MAX_FILES:
        raise NotRunnable(f"There are {MAX_FILES} files or more.")
    for position, fault in source_paths.faults_of(list(written)):
        raise NotRunnable(f"The file {list(written)[position]!r} cannot be written: {fault}")
    return written


def _path(name: str) -> str:
    """Return the path without `.` and `..`, which may lead out of the folder."""
    return name if name.endswith("/") or not name else posixpath.normpath(name)


def _decoded(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except ValueError as exc:
        raise NotRunnable(f"The content of the file {name!r} is not base64: {exc}") from None


def _fetched(names: Sequence[str]) -> dict[str, str]:
    """Return the paths in the box by the texts that asked for them, without those that no program may be asked for."""
    paths = {text: posixpath.normpath(text) for text in names}
    first = list(paths.items())[:MAX_FETCHED]
    return {text: path for text, path in first if source_paths.fault_of(path.removeprefix(_TEMPORARY)) is None}


def _times(timeout_s: float) -> dict[str, float]:
    """Return the limits of a time in seconds. One of 0 or less, or that is no number, ends a program at once."""
    seconds = min(max(_MIN_SECONDS, timeout_s), _MAX_SECONDS)
    return {"wall_s": seconds, "cpu_s": _PROCESSORS * seconds}


def _limits(body: CodeBody | NotebookBody, seconds: float, memory_mb: int | None) -> dict[str, float]:
    wanted_mb = body.memory_limit_MB if body.memory_limit_MB > 0 else memory_mb
    return {**_times(seconds), "memory_bytes": math.inf if wanted_mb is None else wanted_mb * _MIB}
