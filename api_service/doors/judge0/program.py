"""Makes a submission from the request of a Judge0 client. Pure."""

import math
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

from api_service.doors.judge0.languages import EXECUTABLE, MULTI_FILE, PLAIN_TEXT
from api_service.doors.judge0.validation import SubmissionRequest, words
from api_service.doors.program import within
from api_service.submissions.new_submission import NewSubmission, stored, text_bytes_of
from shared.common.files.archives import ArchiveError, unpack_foreign
from shared.common.text.base64_text import decode
from shared.engine_api.codex import LimitBounds
from shared.engine_api.program import ComparisonSpec, LimitsSpec, Program, file_specs
from shared.engine_api.run_call.limits import MAX_FILES
from shared.engine_api.run_call.request import CheckerKind, Encoding
from shared.records.judge0.submissions import ASKED

#: Language -> the name and text of the script that runs its programs, which no compiler or interpreter takes.
_SCRIPTS: Final = {
    PLAIN_TEXT: ("print.sh", b"cat text.txt\n"),
    EXECUTABLE: ("execute.sh", b'chmod +x a.out && exec ./a.out "$@"\n'),
}
#: The scripts of a program of several files, in the order in which they are looked for.
_RUN, _COMPILE = ("run", "run.sh"), ("compile", "compile.sh")
_NO_RUN: Final = b'echo "bash: run: No such file or directory" >&2\nexit 127\n'


def request_of(request: SubmissionRequest) -> dict[str, Any]:
    """Return the fields of a request that are stored, so that later answers can show them."""
    values = {name: request.values[name] for name in ASKED}
    return {**values, "language": request.language.name, "source_file": request.language.source_file}


def submission_of(request: SubmissionRequest, bounds: Mapping[str, LimitBounds], *, max_program: int) -> NewSubmission:
    """Return the submission that runs the program within the engine's bounds. It has up to `max_program` bytes."""
    language, values = request.language, request.values
    assert language.engine_language
    is_multi_file = language.id == MULTI_FILE
    files, entry = _files(request, max_program)
    build = next((name for name in _COMPILE if name in files), None) if is_multi_file else None
    limits = {
        # The program may also use the extra time, but it is judged by its limit.
        "cpu_s": values["cpu_time_limit"] and values["cpu_time_limit"] + values["cpu_extra_time"],
        "wall_s": values["wall_time_limit"],
        "memory_bytes": values["memory_limit"] * 1024,
        "output_bytes": values["max_file_size"] * 1024,
        "processes": values["max_processes_and_or_threads"],
    }
    stdin, expected_output, encoding = _texts(values["stdin"], values["expected_output"])
    program = Program(
        args=() if is_multi_file else tuple(words(values["command_line_arguments"])),
        compiler_args=tuple(words(values["compiler_options"])),
        # A limit of 0 means the engine's maximum.
        limits=LimitsSpec.model_validate(within({name: limit or math.inf for name, limit in limits.items()}, bounds)),
        checker=ComparisonSpec(kind=CheckerKind.LINES, tolerance=None, nul_is_blank=True),
        stop_at_first_failure=True,
        locale="en",
        receipt=False,
        encoding=encoding,
        repeat=max(1, values["number_of_runs"]),
        # Only the program's own source is compiled.
        data_files=tuple(path for path in files if path != entry),
        build=build,
        merge_output=bool(values["redirect_stderr_to_stdout"]),
        stack_bytes=values["stack_limit"] * 1024 or None,
        file_bytes=values["max_file_size"] * 1024 or None,
    )
    texts = [expected_output, program.stored(), language.name, *(values[name] for name in ASKED)]
    return NewSubmission(
        language=language.engine_language.code,
        filename=entry,
        source=stored(files),
        stdin=stdin or "",
        hold=False,
        spec=program,
        files=file_specs(files),
        expected_output=expected_output,
        webhook_url=values["callback_url"] or None,
        text_bytes=text_bytes_of(texts),
    )


def _files(request: SubmissionRequest, max_program: int) -> tuple[dict[str, bytes], str]:
    language = request.language
    sources = dict([_SCRIPTS[language.id]]) if language.id in _SCRIPTS else {}
    if language.source_file is not None:
        sources[language.source_file] = request.values["source_code"] or b""
    room = max_program - sum(map(len, sources.values()))
    # Additional files never replace the program's own.
    additional = {
        path: data
        for path, data in _additional(request.values["additional_files"], room).items()
        if not any(path == name or path.startswith(f"{name}/") for name in sources)
    }
    files = sources | additional
    if language.id != MULTI_FILE:
        return files, next(iter(sources))
    run = next((name for name in _RUN if files.get(name, b"").strip()), None)
    return (files, run) if run else ({**files, _RUN[0]: _NO_RUN}, _RUN[0])


def _additional(archive: str | None, max_bytes: int) -> dict[str, bytes]:
    """Return the files of a zip. Return none if the zip cannot be used; the program then runs without them."""
    data = decode(archive or "")
    try:
        return unpack_foreign(data, max_files=MAX_FILES - 2, max_bytes=max(0, max_bytes)) if data else {}
    except ArchiveError:
        return {}


def _texts(*given: bytes | None) -> tuple[str | None, str | None, Encoding]:
    """Return the input and the expected output as text, in base64 if the database cannot store one of them as it is."""
    try:
        stdin, expected = (None if data is None else data.decode() for data in given)
        if "\0" not in (stdin or "") + (expected or ""):
            return stdin, expected, Encoding.UTF_8
    except UnicodeDecodeError:
        pass
    stdin, expected = (None if data is None else b64encode(data).decode() for data in given)
    return stdin, expected, Encoding.BASE64
