"""Makes a submission from the request of a Judge0 client. Pure."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

from api_service.doors.door import program_submission
from api_service.doors.judge0.languages import EXECUTABLE, MULTI_FILE, PLAIN_TEXT
from api_service.doors.judge0.validation import SubmissionRequest
from api_service.submissions.new_submission import NewSubmission
from shared.engine.codex import LimitBounds
from shared.engine.run_call import MAX_FILES, Encoding
from shared.files.archives import ArchiveError, unpack_foreign

#: Language -> the name and text of the script that runs its programs, which no compiler or interpreter takes.
_SCRIPTS: Final = {
    PLAIN_TEXT: ("print.sh", b"cat text.txt\n"),
    EXECUTABLE: ("execute.sh", b'chmod +x a.out && exec ./a.out "$@"\n'),
}
#: The scripts of a program of several files, in the order in which they are looked for.
_RUN, _COMPILE = ("run", "run.sh"), ("compile", "compile.sh")
_NO_RUN: Final = b'echo "bash: run: No such file or directory" >&2\nexit 127\n'


def request_of(asked: SubmissionRequest) -> dict[str, Any]:
    """Return the fields of a request that are stored, so that later answers can show them."""
    return {**asked.values, "source_file": asked.language.source_file}


def submission_of(
    asked: SubmissionRequest, bounds: Mapping[str, LimitBounds], *, largest_program: int
) -> NewSubmission:
    """Return the submission that runs the program within the engine's bounds. It has up to `largest_program` bytes."""
    language, values = asked.language, asked.values
    assert language.engine_language
    files, entry = _files(asked, largest_program)
    texts, encoding = _texts(asked)
    spec = {
        "args": asked.args,
        "compiler_args": asked.compiler_args,
        "limits": _limits(values, bounds),
        "checker": {"kind": "lines", "tolerance": None, "nul_is_blank": True},
        "stop_at_first_failure": True,
        "locale": "en",
        "receipt": False,
        **_options(values, files, entry, language.id),
        **encoding,
    }
    return program_submission(
        language.engine_language.code,
        entry,
        files,
        spec,
        texts["stdin"] or "",
        texts=[texts["expected_output"], spec, dict(values)],
        expected_output=texts["expected_output"],
        webhook_url=values["callback_url"] or None,
    )


def _files(asked: SubmissionRequest, largest_program: int) -> tuple[dict[str, bytes], str]:
    """Return the files of the program, and which of them is run."""
    own: dict[str, bytes] = {}
    language = asked.language
    if language.source_file is not None:
        own[language.source_file] = asked.source or b""
    if language.id in _SCRIPTS:
        name, script = _SCRIPTS[language.id]
        own = {name: script, **own}
    room = largest_program - sum(map(len, own.values()))
    # Additional files never replace the program's own.
    others = {
        path: data
        for path, data in _additional(asked.additional_files, room).items()
        if not any(path == name or path.startswith(f"{name}/") for name in own)
    }
    files = own | others
    if language.id != MULTI_FILE:
        return files, next(iter(own))
    run = next((name for name in _RUN if files.get(name, b"").strip()), None)
    return (files, run) if run else ({**files, _RUN[0]: _NO_RUN}, _RUN[0])


def _additional(archive: bytes | None, max_bytes: int) -> dict[str, bytes]:
    """Return the files of a zip. Return none if the zip cannot be used; the program then runs without them."""
    try:
        return unpack_foreign(archive, max_files=MAX_FILES - 2, max_bytes=max(0, max_bytes)) if archive else {}
    except ArchiveError:
        return {}


def _texts(asked: SubmissionRequest) -> tuple[dict[str, str | None], dict[str, Encoding]]:
    """Return the input and the expected output as text, in base64 if the database cannot store one of them as it is."""
    given = {"stdin": asked.stdin, "expected_output": asked.expected_output}
    try:
        texts = {name: None if data is None else data.decode() for name, data in given.items()}
        if not any("\0" in (text or "") for text in texts.values()):
            return texts, {}
    except UnicodeDecodeError:
        pass
    encoded = {name: None if data is None else b64encode(data).decode() for name, data in given.items()}
    return encoded, {"encoding": Encoding.BASE64}


def _limits(values: Mapping[str, Any], bounds: Mapping[str, LimitBounds]) -> dict[str, float | int]:
    """Return the limits for the engine. A limit of 0 means the engine's maximum."""
    asked = {
        # The program may also use the extra time, but it is judged by its limit.
        "cpu_s": values["cpu_time_limit"] and values["cpu_time_limit"] + values["cpu_extra_time"],
        "wall_s": values["wall_time_limit"],
        "memory_bytes": values["memory_limit"] * 1024,
        "output_bytes": values["max_file_size"] * 1024,
        "processes": values["max_processes_and_or_threads"],
    }
    return {name: min(limit or bounds[name].max, bounds[name].max) for name, limit in asked.items() if name in bounds}


def _options(values: Mapping[str, Any], files: Mapping[str, bytes], entry: str, language: int) -> dict[str, Any]:
    build = next((name for name in _COMPILE if name in files), None) if language == MULTI_FILE else None
    options = {
        "repeat": values["number_of_runs"] if values["number_of_runs"] > 1 else None,
        # Only the program's own source is compiled.
        "data_files": [path for path in files if path != entry] or None,
        "build": build,
        "merge_output": values["redirect_stderr_to_stdout"] or None,
        "stack_bytes": values["stack_limit"] * 1024 or None,
        "file_bytes": values["max_file_size"] * 1024 or None,
    }
    return {name: value for name, value in options.items() if value is not None}
