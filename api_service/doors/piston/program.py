"""Makes the program and the submission of a job: the names of its files, and the engine's fields. Pure."""

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final

from api_service.doors.door import program_submission
from api_service.doors.piston.files import SentFile
from api_service.doors.piston.job import PistonJob
from api_service.doors.piston.runtimes import Naming
from api_service.http.problems import Kind, Problem
from api_service.settings import ApiSettings
from api_service.submissions.new_submission import NewSubmission
from shared.engine.run_call import is_allowed

#: The most processes of a program in Piston.
_PROCESSES: Final = 64
#: Files that C and C++ sources include. They keep their names.
_HEADERS: Final = frozenset({".h", ".hh", ".hpp", ".hxx", ".inc", ".ipp", ".tpp"})

#: The name that a file gets if it was sent without one (`api_service.doors.piston.files`).
_UNNAMED: Final = re.compile(r"file[0-9]+\.code")


@dataclass(frozen=True, slots=True)
class PistonProgram:
    """A program as the engine gets it. `fields` are those of its request besides language, files, input and tests."""

    files: dict[str, bytes]
    entry: str
    fields: dict[str, Any]


def program_of(job: PistonJob, output_bytes: int | None = None) -> PistonProgram:
    """Return the program of a job. With `output_bytes`, a stage that writes more to one stream is ended."""
    files = _named(job)
    entry = next(file for file in files if file.is_source)
    # An empty program does nothing, but the engine refuses an empty file.
    contents = {file.path: file.data or b"\n" if file is entry else file.data for file in files}
    output = {} if output_bytes is None else {"output_bytes": output_bytes}
    bounds = job.runtime.engine_language.limits
    limits = _limits(job, "run") | {"processes": _PROCESSES} | output
    allowed = job.runtime.engine_language.compiler_args
    fields = {
        "compiler_args": [word for word in job.runtime.piston.compiler_args if is_allowed(word, allowed)],
        "compile_limits": _limits(job, "compile") | output,
        "data_files": [file.path for file in files if not file.is_source],
        "environment": {"HOME": "/tmp", "PISTON_LANGUAGE": job.runtime.language},  # noqa: S108  (that of its box)
        "limits": {name: min(value, bounds[name].max) for name, value in limits.items() if name in bounds},
    }
    return PistonProgram(contents, entry.path, fields)


def submission_of(job: PistonJob, settings: ApiSettings, output_bytes: int) -> NewSubmission:
    """Return the submission of a job. Raise `Problem` if it has more bytes than this server accepts."""
    program = program_of(job, output_bytes)
    if sum(map(len, program.files.values())) > settings.max_source_bytes:
        raise Problem(Kind.INVALID, f"files may have at most {settings.max_source_bytes} bytes together")
    stdin = job.stdin if job.stdin.endswith("\n") else f"{job.stdin}\n"
    if len(stdin.encode()) > settings.max_input_bytes:
        raise Problem(Kind.INVALID, f"stdin may have at most {settings.max_input_bytes} bytes")
    spec = {**program.fields, "args": list(job.args), "may_rerun": False, "output_order": True}
    language = job.runtime.engine_language.code
    return program_submission(language, program.entry, program.files, spec, stdin, texts=job.args)


def _limits(job: PistonJob, stage: str) -> dict[str, float | int]:
    """Return the limits of a stage by the engine's names, without those of 0 or less."""
    memory, wall, cpu = (job.limits[f"{stage}_{name}"] for name in ("memory_limit", "timeout", "cpu_time"))
    limits: dict[str, float | int] = {"memory_bytes": int(memory), "wall_s": wall / 1000, "cpu_s": cpu / 1000}
    return {name: limit for name, limit in limits.items() if limit > 0}


def _named(job: PistonJob) -> list[SentFile]:
    """Return the files with the names that the compiler needs."""
    naming, extensions = job.runtime.piston.naming, job.runtime.engine_language.extensions
    taken = {file.path for file in job.files}
    main = next(file for file in job.files if file.is_source)
    named = []
    for file in job.files:
        ending = PurePosixPath(file.path).suffix
        is_wanted = naming is Naming.ALL or (naming is Naming.MAIN and file is main)
        if file.is_source and is_wanted and ending not in extensions and (file is main or ending not in _HEADERS):
            # A module of D is named after its file, so Piston's name for a file without one would not do.
            path = f"main{extensions[0]}" if file is main and _UNNAMED.fullmatch(file.path) else file.path
            while path in taken:
                path += extensions[0]
            taken.add(path)
            file = replace(file, path=path)
        named.append(file)
    return named
