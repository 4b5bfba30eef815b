"""Checks a program in the body of a submission: the submission's own, and those that judge it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api_service.http.errors import Fault
from api_service.http.sentences import as_written
from api_service.http.source_text import BOM, wide_fault
from api_service.v1.body.constraints import Constraints
from api_service.v1.body.defaults import Defaults
from api_service.v1.body.submission import CheckerBody, FileBody, JudgeBody, LimitsBody, TransientRunBody
from shared.common.text import source_paths
from shared.engine_api.codex import LimitBounds
from shared.engine_api.program import LimitsSpec
from shared.engine_api.run_call.limits import MAX_FILES, is_allowed

_EMPTY: Final = "The file that is run is empty; send the program."
_TWICE: Final = "The files are there twice; send them either as parts or in `submission`."


@dataclass(frozen=True, slots=True)
class UploadedFiles:
    """The files of a form, by their paths in their order, or the fault of its archive."""

    files: Sequence[tuple[str, bytes]] = ()
    fault: Fault | None = None


class ProgramCheck:
    """Checks the rules of a program. What takes long is done `once` for values that come from the defaults of a batch.

    `place` points to the program in the body, whose keys at the pointers `left_out` have faults. Its files may have
    `max_bytes` together. `upload` has those that came beside the body. `files` has them all after `source_faults`.
    """

    def __init__(
        self,
        body: TransientRunBody | JudgeBody | CheckerBody,
        left_out: frozenset[str],
        constraints: Constraints,
        defaults: Defaults,
        *,
        max_bytes: int,
        place: str = "",
        upload: UploadedFiles | None = None,
    ) -> None:
        self._body = body
        self._left_out = left_out
        self._codes = constraints.catalog.codes
        self._once = defaults.once
        self._max_bytes = max_bytes
        self._place = place
        self._upload = upload
        self.engine_language = constraints.catalog.find(body.language or "")
        self.files: Mapping[str, bytes] = {}

    @property
    def entry(self) -> str:
        return self._body.entry or next(iter(self.files))

    def has(self, name: str) -> bool:
        """Return True if a key was sent, even with a fault."""
        return getattr(self._body, name) is not None or f"{self._place}/{name}" in self._left_out

    def _fault(self, detail: str, pointer: str) -> Fault:
        return Fault(detail, pointer=f"{self._place}{pointer}")

    def language_faults(self) -> Iterator[Fault]:
        if self.engine_language is None:
            yield self._fault(f"It is not available here. Available: {', '.join(self._codes)}.", "/language")

    def source_faults(self) -> Iterator[Fault]:
        body, has_source = self._body, self.has("source")
        if has_source and body.entry is not None:
            yield self._fault("It goes only with `files`; leave it out.", "/entry")
        if self._upload is not None and self.has("files"):
            yield self._fault(_TWICE, "/files")
        elif has_source == (self.has("files") or self._upload is not None):
            yield self._fault("Send exactly one of `source` and `files`.", "")
        elif body.source is not None:
            yield from self._source(body.source)
        elif self._upload is not None:
            yield from [self._upload.fault] if self._upload.fault else self._files(self._upload.files)
        elif body.files is not None:
            yield from self._encoded_files(body.files)

    def _source(self, source: str) -> Iterator[Fault]:
        if not source.removeprefix(BOM.decode()).strip():
            yield self._fault("It is empty; send the program.", "/source")
        data = self._once(source, "bytes", lambda: source.encode().removeprefix(BOM))
        yield from self._size("/source", len(data))
        if self.engine_language:
            self.files = {self.engine_language.main: data}

    def _encoded_files(self, files: Sequence[FileBody]) -> Iterator[Fault]:
        contents, faults = self._once(files, "bytes", lambda: decoded(files))
        yield from (self._fault(detail, pointer) for detail, pointer in faults)
        yield from self._files(contents)

    def _files(self, files: Sequence[tuple[str, bytes]]) -> Iterator[Fault]:
        if len(files) > MAX_FILES:
            yield self._fault(f"It must have at most {MAX_FILES} entries.", "/files")
            return
        wrong = self._once(files, "paths", lambda: list(source_paths.faults_of([path for path, _ in files])))
        yield from (self._fault(fault, f"/files/{number}/path") for number, fault in wrong)
        self.files = {path: self._without_mark(path, data) for path, data in files}
        yield from self._size("/files", sum(len(data) for _, data in files))
        entry = self._body.entry
        if any(place.startswith((f"{self._place}/entry", f"{self._place}/files/")) for place in self._left_out):
            return
        if entry is not None and entry not in self.files:
            yield self._fault("It is not the path of a file; send one that is.", "/entry")
        elif not self.files[self.entry].strip():
            yield self._fault(_EMPTY, "/entry" if entry else "/files/0/content")
        elif fault := wide_fault(self.files[self.entry]):
            yield self._fault(fault, "/entry" if entry else "/files/0/content")

    def _without_mark(self, path: str, data: bytes) -> bytes:
        """Return a source without its byte order mark, and another file as it is."""
        extensions = self.engine_language.extensions if self.engine_language else ()
        return data.removeprefix(BOM) if path.endswith(tuple(extensions)) else data

    def _size(self, pointer: str, size: int) -> Iterator[Fault]:
        if size > self._max_bytes:
            yield self._fault(f"The program has {size} bytes; it may have {self._max_bytes}.", pointer)

    def option_faults(self) -> Iterator[Fault]:
        if not self._body.compiler_args or self.engine_language is None or not self.engine_language.has_run_call:
            return
        allowed = self.engine_language.compiler_args
        for number, word in enumerate(self._body.compiler_args):
            if not is_allowed(word, allowed):
                named = ", ".join(f"`{option}`" for option in allowed)
                text = f"allowed are {named}" if allowed else "this language has none"
                yield self._fault(f"This option is not allowed: {text}.", f"/compiler_args/{number}")


def limit_faults(limits: LimitsBody | None, bounds: Mapping[str, LimitBounds], place: str = "") -> Iterator[Fault]:
    """Yield a fault for each limit above the operator's bound. `place` points to what they are the `limits` of."""
    for name, value in (limits.asked() if limits else {}).items():
        bound = bounds.get(name)
        if bound is not None and value > bound.max:
            yield Fault(f"It must be at most {as_written(bound.max)}.", pointer=f"{place}/limits/{name}")


def limits_of(limits: LimitsBody | None) -> LimitsSpec:
    return LimitsSpec.model_validate(limits.asked()) if limits else LimitsSpec()


def decoded(files: Sequence[FileBody], name: str = "files") -> tuple[list[tuple[str, bytes]], list[tuple[str, str]]]:
    """Return the paths and bytes of files, and the faults of their encoding, each with its pointer."""
    contents: list[tuple[str, bytes]] = []
    faults: list[tuple[str, str]] = []
    for number, file in enumerate(files):
        try:
            contents.append((file.path, file.data()))
        except ValueError as exc:
            faults.append((str(exc), f"/{name}/{number}/content"))
            contents.append((file.path, b"?"))
    return contents, faults
