"""The results of the tools, as their output schemas describe them.

A result has all keys, and null for what is not known. It is given twice: as structured content, and as a text with the
same JSON, for clients that read only texts.
"""

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from mcp import types
from pydantic import BaseModel, Field, create_model
from pydantic_core import to_json

from shared.engine_api.artifacts import IMAGES
from shared.engine_api.codex import Verdict
from shared.records.resources.models import Bytes, Resource, Submission, TransientRun

#: The most bytes of a file that is given as text. Other texts are as short.
_TEXT_BYTES: Final = 64 << 10
#: The sentences about limits of stored runs, which keep only their verdict.
_STOPPED: Final = {
    Verdict.TIME_LIMIT: "The program was stopped at its limit of time.",
    Verdict.MEMORY_LIMIT: "The program was stopped at its limit of memory.",
    Verdict.OUTPUT_LIMIT: "The program was stopped at its limit of output.",
}


def keys_of(model: type[BaseModel], *names: str) -> dict[str, Any]:
    """Return these keys of a model, for another one that has them too."""
    return {name: (model.model_fields[name].annotation, model.model_fields[name]) for name in names}


class OutFile(Resource):
    """A file that the program wrote to its folder `out`."""

    name: str
    bytes: Bytes
    media_type: str


RunResult: Final = create_model(
    "RunResult",
    __base__=Resource,
    __doc__="How a program ran. With tests, its texts are those of `tests`.",
    **{
        **keys_of(TransientRun, *(name for name in TransientRun.model_fields if "message" not in name)),
        "language": (str | None, ...),
        "verdict": (Verdict | None, ...),
        "error": (str | None, Field(description="A sentence if a limit ended the program or its compiler.")),
        "artifacts": (list[OutFile] | None, ...),
    },
)
_OF_SUBMISSION: Final = ("id", "state", "verdict", "queue", "run", "mail", "links")
SubmissionResult: Final = create_model(
    "SubmissionResult",
    __base__=Resource,
    **{**keys_of(Submission, *_OF_SUBMISSION), "run": (RunResult | None, ...)},
)


class LanguageLibrary(Resource):
    name: str
    version: str


class LanguageResult(Resource):
    code: str
    name: str
    aliases: list[str]
    version: str | None
    libraries: list[LanguageLibrary]
    fault: str | None = Field(description="Why a program in it may not work here.")


class LanguagesResult(Resource):
    languages: list[LanguageResult]


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """A file of a program's folder `out`, its content in base64. `url` is where API v1 has it, if it is stored."""

    name: str
    media_type: str
    content: str | None = field(default=None, repr=False)
    url: str | None = None


def of_run(run: Mapping[str, Any]) -> types.CallToolResult:
    """Return the result of a run that is not stored, from its JSON in API v1."""
    files = [ProgramFile(file["name"], file["media_type"], file["content"]) for file in run["artifacts"] or ()]
    # API v1 also says how a program ended by itself, which `exit_code` and `signal` say here.
    is_told = run["verdict"] in _STOPPED or run["verdict"] == Verdict.COMPILE_ERROR
    error = run["judge_message"] if run["verdict"] == Verdict.JUDGE_ERROR else run["error"] if is_told else None
    return of_content(_run({**run, "error": error}), files)


def of_submission(submission: Mapping[str, Any], files: Sequence[ProgramFile]) -> types.CallToolResult:
    """Return the result of a submission, from its JSON in API v1."""
    content = {name: submission[name] for name in SubmissionResult.model_fields}
    if run := submission["run"]:
        content["run"] = _run({**run, "language": submission["language"], "error": _STOPPED.get(run["verdict"])})
    return of_content(content, files)


def of_content(content: dict[str, Any], files: Sequence[ProgramFile] = ()) -> types.CallToolResult:
    """Return the result of a tool, with the images and short texts among the files."""
    text = types.TextContent(type="text", text=to_json(content).decode())
    return types.CallToolResult(content=[text, *_blocks(files)], structured_content=content)


def failure(sentences: str) -> types.CallToolResult:
    """Return the result of a call that was refused. The model reads what to change."""
    return types.CallToolResult(content=[types.TextContent(type="text", text=sentences)], is_error=True)


def _run(run: Mapping[str, Any]) -> dict[str, Any]:
    content = {name: run[name] for name in RunResult.model_fields}
    if run["artifacts"] is not None:
        content["artifacts"] = [{name: file[name] for name in OutFile.model_fields} for file in run["artifacts"]]
    return content


def _blocks(files: Sequence[ProgramFile]) -> Iterator[types.ContentBlock]:
    for file in files:
        if file.media_type in IMAGES and file.content is not None:
            yield types.ImageContent(type="image", data=file.content, mime_type=file.media_type)
    for file in files:
        if file.url is not None:
            yield types.ResourceLink(type="resource_link", name=file.name, uri=file.url, mime_type=file.media_type)
        elif file.media_type not in IMAGES and (text := _text_of(file)) is not None:
            uri = f"file:///out/{quote(file.name)}"
            resource = types.TextResourceContents(uri=uri, mime_type="text/plain", text=text)
            yield types.EmbeddedResource(type="resource", resource=resource)


def _text_of(file: ProgramFile) -> str | None:
    content = b64decode(file.content or "")
    try:
        return content.decode() if len(content) <= _TEXT_BYTES else None
    except UnicodeDecodeError:
        return None
