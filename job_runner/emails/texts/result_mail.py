"""Renders the mail that ends a request: of a result, or of a program that could not be run. Pure."""

import re
from pathlib import PurePosixPath
from typing import Final

from job_runner.emails.texts import legacy_mail
from job_runner.emails.texts.branding import Branding
from job_runner.emails.texts.result_content import ResultWriter
from job_runner.emails.texts.sanitize import is_exact, one_line
from job_runner.emails.texts.templating import RenderedEmail, StoredAttachment, rendered
from job_runner.leases.claim import ClaimedJob
from job_runner.verdict.outcome import NO_FILES, Outcome, StoredFiles

#: Bytes of the longest output that is attached to its mail as a file.
_MAX_ATTACHED: Final = 256 << 10
#: What no file system takes in a name, and a dot at its beginning, which hides a file.
_NO_NAME: Final = re.compile(r'[\\/:*?"<>|]|^\.+')


def render(job: ClaimedJob, outcome: Outcome, branding: Branding, stored: StoredFiles = NO_FILES) -> RenderedEmail:
    """Return the mail for an outcome, whose files are `stored`.

    The subject and the text of a classic submission are the original's, unless it has tests, which those do not know.
    """
    attachments = _attachments(job, outcome, stored.output_key)
    links = branding.links
    files = [
        {
            "name": one_line(artifact.name),
            "bytes": artifact.bytes,
            "url": links.recipients_artifact(job.upload, job.number, artifact.name),
        }
        for artifact in stored.artifacts or ()
    ]
    link = stored.filelink if outcome.answer and outcome.answer.output else None
    mail = ResultWriter(job, outcome, links.page(job.upload), link, bool(attachments), files).result()
    text = None
    if job.is_classic and outcome.tests is None:
        mail["subject"] = legacy_mail.subject(job, outcome)
        text = legacy_mail.text(job, outcome, filelink=link)
    message_id = branding.result_id(job.request_id)
    return rendered("result", job.locale, mail, message_id=message_id, text=text, attachments=attachments)


def has_link(job: ClaimedJob, output: str) -> bool:
    """Return True if a mail links to this output. The original's do; others attach what they show exactly."""
    return job.is_classic or not is_exact(output)


def _attachments(job: ClaimedJob, outcome: Outcome, output_key: str | None) -> tuple[StoredAttachment, ...]:
    """Return the output as a file, if there is any and it is not too long.

    The original's mails have no files. So the mail of a classic submission has one only if it does not show all output.
    """
    if outcome.answer is None or outcome.tests is not None:
        return ()
    output = outcome.answer.output
    name, content_type = _output_name(job.filename or ""), "text/plain; charset=utf-8"
    if is_exact(output):
        return (StoredAttachment(name, content_type, text=output),) if output and not job.is_classic else ()
    if output_key is None or len(output.encode("utf-8", "replace")) > _MAX_ATTACHED:
        return ()
    return (StoredAttachment(name, content_type, key=output_key),)


def _output_name(file: str) -> str:
    """Return the name of the file with the output of a program, such as `main-output.txt`."""
    stem = _NO_NAME.sub("_", one_line(PurePosixPath(file).stem)).strip(" …")
    return f"{stem}-output.txt" if stem else "output.txt"
