"""The results of the tools, as their output schemas describe them.

A result has all keys, and null for what is not known. It is given twice: as structured content, and as a text with the
same JSON, for clients that read only texts.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from mcp import types
from pydantic import Field
from pydantic_core import to_json

from shared.engine.artifacts import IMAGES
from shared.engine.codex import Verdict
from shared.engine.run_call import LeftOut
from shared.resources.models import Bytes, Engine, Id, MailStatus, Queue, Resource, State, SubmissionLinks
from shared.resources.models import Test as TestResource
from shared.resources.texts import cut

#: The bytes of each text of a result, and of a file that is given as text.
MAX_TEXT_BYTES: Final = 64 << 10
#: The sentences of stored runs, which keep only their verdict.
_STOPPED: Final = {
    Verdict.TIME_LIMIT: "The program was stopped at its limit of time.",
    Verdict.MEMORY_LIMIT: "The program was stopped at its limit of memory.",
    Verdict.OUTPUT_LIMIT: "The program was stopped at its limit of output.",
}


class OutFile(Resource):
    """A file that the program wrote to its folder `out`."""

    name: str
    bytes: Bytes
    media_type: str


class RunResult(Resource):
    """How a program ran. With tests, the texts are those of `tests`."""

    language: str | None = Field(description="The language's code.")
    verdict: Verdict | None
    error: str | None = Field(description="A sentence if a limit ended the program or its compiler.")
    stdout: str | None
    stderr: str | None
    compile_output: str | None = Field(description="The compiler's messages; null without a compiler.")
    truncated: list[str] = Field(description="The names of the texts that are cut.")
    exit_code: int | None
    signal: str | None
    cpu_s: float | None
    wall_s: float | None
    memory_bytes: int | None
    engine: Engine
    tests: list[TestResource] | None
    points: float | None
    points_awarded: float | None
    artifacts: list[OutFile] | None
    artifacts_left_out: dict[LeftOut, int] = Field(description="How many other entries `out` had, for each reason.")


class SubmissionResult(Resource):
    """A stored submission. `run` is null until it has one."""

    id: Id
    state: State
    verdict: Verdict | None
    queue: Queue | None
    run: RunResult | None
    mail: MailStatus | None
    links: SubmissionLinks


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
    """A file of a program's folder `out`. `url` is where API v1 has it, if it is stored."""

    name: str
    media_type: str
    content: bytes | None = field(default=None, repr=False)
    url: str | None = None


def result_of(content: Mapping[str, Any], files: Sequence[ProgramFile] = ()) -> types.CallToolResult:
    """Return the result of a tool, with the images and short texts among the files."""
    blocks: list[types.ContentBlock] = [types.TextContent(type="text", text=to_json(content).decode())]
    return types.CallToolResult(content=[*blocks, *_blocks(files)], structured_content=dict(content))


def failure(sentences: str) -> types.CallToolResult:
    """Return the result of a call that was refused. The model reads what to change."""
    return types.CallToolResult(content=[types.TextContent(type="text", text=sentences)], is_error=True)


def _blocks(files: Iterable[ProgramFile]) -> Iterator[types.ContentBlock]:
    images = [file for file in files if file.media_type in IMAGES and file.content is not None]
    for file in images:
        data = b64encode(file.content or b"").decode()
        yield types.ImageContent(type="image", data=data, mime_type=file.media_type)
    for file in files:
        if file.url is not None:
            yield types.ResourceLink(type="resource_link", name=file.name, uri=file.url, mime_type=file.media_type)
        elif file not in images and (text := _text_of(file.content or b"")) is not None:
            resource = types.TextResourceContents(
                uri=f"file:///out/{quote(file.name)}", mime_type="text/plain", text=text
            )
            yield types.EmbeddedResource(type="resource", resource=resource)


def _text_of(content: bytes) -> str | None:
    """Return the text of a file; None if it is long, or no text."""
    try:
        return content.decode() if len(content) <= MAX_TEXT_BYTES else None
    except UnicodeDecodeError:
        return None


def run_of_submission(submission: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the run of a stored submission, by its JSON in API v1; None if it has none."""
    run = submission["run"]
    if run is None:
        return None
    own = {name: run.get(name) for name in RunResult.model_fields}
    own |= {"language": submission["language"], "error": _STOPPED.get(run["verdict"])}
    if run["artifacts"] is not None:
        own["artifacts"] = [{name: file[name] for name in OutFile.model_fields} for file in run["artifacts"]]
    return with_short_texts(own)


def with_short_texts(run: dict[str, Any]) -> dict[str, Any]:
    """Return a run whose texts have at most 64 KiB each; `truncated` names those that are cut."""
    tests = [shortened(test, ("stdout", "stderr")) for test in run["tests"]] if run["tests"] is not None else None
    return shortened(run, ("stdout", "stderr", "compile_output")) | {"tests": tests}


def shortened(texts: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the same with at most 64 KiB of each of these texts; `truncated` names those that are cut too."""
    short = {name: cut(texts[name], MAX_TEXT_BYTES) for name in names}
    cut_now = [name for name in short if short[name] != texts[name]]
    return {**texts, **short, "truncated": sorted({*(texts["truncated"] or ()), *cut_now})}
