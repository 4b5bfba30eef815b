"""Makes the submission of a job. Pure."""

from api_service.doors.piston.job import PistonJob
from api_service.doors.piston.program import program_of
from api_service.http.problems import Kind, Problem
from api_service.settings import ApiSettings
from api_service.submissions.new_submission import NewSubmission, V1Columns, stored, text_bytes_of


def submission_of(job: PistonJob, settings: ApiSettings, output_bytes: int) -> NewSubmission:
    """Return the submission of a job. Raise `Problem` if it has more bytes than this server accepts."""
    program = program_of(job, output_bytes)
    check_size(program.files, settings)
    stdin = job.stdin if job.stdin.endswith("\n") else f"{job.stdin}\n"
    if len(stdin.encode()) > settings.max_input_bytes:
        raise Problem(Kind.INVALID, f"stdin may have at most {settings.max_input_bytes} bytes")
    return NewSubmission(
        language=job.runtime.engine_language.code,
        filename=program.entry,
        source=stored(program.files),
        stdin=stdin,
        hold=False,
        v1=V1Columns(
            spec={**program.fields, "args": list(job.args), "may_rerun": False, "output_order": True},
            files=[{"path": path, "size_bytes": len(data)} for path, data in program.files.items()],
            text_bytes=text_bytes_of(job.args),
        ),
    )


def check_size(files: dict[str, bytes], settings: ApiSettings) -> None:
    """Raise `Problem` if the files together have more bytes than this server accepts."""
    if sum(map(len, files.values())) > settings.max_source_bytes:
        raise Problem(Kind.INVALID, f"files may have at most {settings.max_source_bytes} bytes together")
