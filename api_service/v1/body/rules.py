"""Checks the body of a submission in API v1: first each key by its model, then the rules that no model can express.

The rules are about keys together, and about what the operator and the engine allow. All faults of a step are found at
once. `api_service.v1.body.submission` has the models.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api_service.http.problems import Fault, invalid
from api_service.http.sentences import as_written
from api_service.http.source_text import BOM, wide_fault
from api_service.languages.catalog import EngineLanguage
from api_service.submissions.new_submission import NewSubmission, Tests, as_json, stored, text_bytes_of
from api_service.v1.body.constraints import Constraints
from api_service.v1.body.defaults import BodyPath, Defaults
from api_service.v1.body.submission import MAX_METADATA, CheckerBody, FileBody, LimitsBody, SubmissionBody, TestBody
from api_service.v1.protocol.validation import MAX_FAULTS
from shared.engine.run_call import DEFAULT_TOLERANCE, MAX_FILES, CheckerKind, is_allowed
from shared.text import source_paths

#: The most keys that any object of a body may have.
_MAX_KEYS: Final = 64
#: The fields that a submission with `tests` must not have.
_ONE_TEST: Final = ("stdin", "args", "expected_output")
#: The fields that a foreign engine does not support, because it has only the CodeX call.
_ONLY_RUN: Final = ("args", "compiler_args", "limits", "expected_output", "tests")

#: Why a foreign engine cannot run it.
NEEDS_RUN: Final = (
    "This needs the engine of Precieux (`POST /run`), but this server uses another CodeX engine; leave it out."
)
_EMPTY: Final = "The file that is run is empty; send the program."
_TWICE: Final = "The files are there twice; send them either as parts or in `submission`."
_UNSIGNED: Final = (
    "Webhooks of this key cannot be signed, because it has no secret; use a key that has one, or ask the operator to"
    " set PRECIEUX_WEBHOOK_SECRET."
)
_NOT_HELD: Final = "A submission of a batch cannot be held; leave it out."


@dataclass(frozen=True, slots=True)
class UploadedFiles:
    """The files of a form, by their paths in their order, or the fault of its archive."""

    files: Sequence[tuple[str, bytes]] = ()
    fault: Fault | None = None


def validate_submission(
    content: object, constraints: Constraints, place: BodyPath | None = None, upload: UploadedFiles | None = None
) -> NewSubmission:
    """Return the submission of a body. Raises `Problem` (422) with all its faults.

    With `place`, the content is a submission of a batch, and keys that it lacks come from `place.defaults`. `upload`
    has the files that came beside the content.
    """
    place = place or BodyPath()
    if not isinstance(content, dict):
        raise invalid([Fault("It must be an object.", pointer=place.path)])
    body, faults = None, list(overfull(content))
    if not faults:
        body, faults = place.defaults.complete(content)
    if body is not None:
        check = _Check(body, constraints, upload, place.defaults)
        faults = check.faults()
    if faults:
        raise invalid([place.fault(content, fault) for fault in faults[:MAX_FAULTS]])
    return check.submission()


def overfull(value: object, pointer: str = "") -> Iterator[Fault]:
    """Yield a fault for each object with more keys than any may have, because each key may be a fault."""
    if isinstance(value, dict):
        max_keys = MAX_METADATA if pointer == "/metadata" else _MAX_KEYS
        if len(value) > max_keys:
            yield Fault(f"It must have at most {max_keys} keys.", pointer=pointer)
            return
        for name, inner in value.items():
            if isinstance(inner, dict | list):
                yield from overfull(inner, f"{pointer}/{name}")
    elif isinstance(value, list) and len(value) <= MAX_FILES:
        for number, inner in enumerate(value):
            if isinstance(inner, dict):
                yield from overfull(inner, f"{pointer}/{number}")


class _Check:
    """Checks the rules of a body. What takes long is done `once` for values that come from the defaults of a batch."""

    def __init__(
        self, body: SubmissionBody, constraints: Constraints, upload: UploadedFiles | None, defaults: Defaults
    ) -> None:
        self.body = body
        self.upload = upload
        self.constraints = constraints
        self.once = defaults.once
        self.engine_language = constraints.catalog.find(body.language)
        self.files: Mapping[str, bytes] = {}

    def faults(self) -> list[Fault]:
        """Return the faults of the body. What another engine lacks is only looked for if there is no other fault."""
        checks = (self._language, self._sources, self._inputs, self._compiler_args, self._limits, self._addresses)
        faults = [fault for check in checks for fault in check()]
        return faults or list(self._foreign_engine())

    def _language(self) -> Iterator[Fault]:
        if self.engine_language is None:
            codes = ", ".join(self.constraints.catalog.codes)
            yield Fault(f"It is not available here. Available: {codes}.", pointer="/language")

    def _sources(self) -> Iterator[Fault]:
        body, has_source = self.body, self.body.source is not None
        if self.upload is not None and body.files is not None:
            yield Fault(_TWICE, pointer="/files")
        elif has_source == (body.files is not None or self.upload is not None):
            yield Fault("Send exactly one of `source` and `files`.", pointer="")
        elif body.entry is not None and has_source:
            yield Fault("It goes only with `files`; leave it out.", pointer="/entry")
        elif body.source is not None:
            yield from self._source(body.source)
        elif self.upload is not None:
            yield from [self.upload.fault] if self.upload.fault else self._files(self.upload.files)
        elif body.files is not None:
            yield from self._encoded_files(body.files)

    def _source(self, source: str) -> Iterator[Fault]:
        if not source.strip():
            yield Fault("It is empty; send the program.", pointer="/source")
        data = self.once(source, "bytes", lambda: source.encode().removeprefix(BOM))
        yield from self._size("/source", len(data))
        if self.engine_language:
            self.files = {self.engine_language.main: data}

    def _encoded_files(self, files: Sequence[FileBody]) -> Iterator[Fault]:
        decoded, faults = self.once(files, "bytes", lambda: _decoded(files))
        yield from faults
        yield from self._files(decoded)

    def _files(self, files: Sequence[tuple[str, bytes]]) -> Iterator[Fault]:
        if len(files) > MAX_FILES:
            yield Fault(f"It must have at most {MAX_FILES} entries.", pointer="/files")
            return
        wrong = self.once(files, "paths", lambda: list(source_paths.faults_of([path for path, _ in files])))
        yield from (Fault(fault, pointer=f"/files/{number}/path") for number, fault in wrong)
        self.files = {path: self._without_mark(path, data) for path, data in files}
        yield from self._size("/files", sum(len(data) for _, data in files))
        entry = self.body.entry
        if entry is not None and entry not in self.files:
            yield Fault("It is not the path of a file; send one that is.", pointer="/entry")
        elif not self.files[self._entry].strip():
            yield Fault(_EMPTY, pointer="/entry" if entry else "/files/0/content")
        elif fault := wide_fault(self.files[self._entry]):
            yield Fault(fault, pointer="/entry" if entry else "/files/0/content")

    def _without_mark(self, path: str, data: bytes) -> bytes:
        """Return a source without its byte order mark, and another file as it is."""
        extensions = self.engine_language.extensions if self.engine_language else ()
        return data.removeprefix(BOM) if path.endswith(tuple(extensions)) else data

    @property
    def _entry(self) -> str:
        return self.body.entry or next(iter(self.files))

    def _size(self, pointer: str, size: int) -> Iterator[Fault]:
        max_bytes = self.constraints.max_source_bytes
        if size > max_bytes:
            yield Fault(f"The program has {size} bytes; it may have {max_bytes}.", pointer=pointer)

    def _inputs(self) -> Iterator[Fault]:
        body = self.body
        if body.tests is not None:
            for name in _ONE_TEST:
                if getattr(body, name) is not None:
                    yield Fault("It does not go with `tests`; put it into a test.", pointer=f"/{name}")
        elif body.stdin is not None:
            yield from input_faults(body.stdin, self.constraints.max_stdin_bytes)
        yield from self.once(body.tests, "inputs", lambda: list(self._inputs_of_tests(body.tests or ())))
        if body.hold is not None and not self.constraints.may_hold:
            yield Fault(_NOT_HELD, pointer="/hold")
        checker = body.checker
        if checker is not None and checker.tolerance is not None and checker.kind != "float":
            yield Fault("It goes only with the kind `float`; leave it out.", pointer="/checker/tolerance")

    def _inputs_of_tests(self, tests: Sequence[TestBody]) -> Iterator[Fault]:
        for number, test in enumerate(tests):
            yield from input_faults(test.stdin or "", self.constraints.max_stdin_bytes, f"/tests/{number}")

    def _compiler_args(self) -> Iterator[Fault]:
        if not self.body.compiler_args or self.engine_language is None or not self.engine_language.has_run_call:
            return
        allowed = self.engine_language.compiler_args
        for number, word in enumerate(self.body.compiler_args):
            if not is_allowed(word, allowed):
                named = ", ".join(f"`{option}`" for option in allowed)
                text = f"allowed are {named}" if allowed else "this language has none"
                yield Fault(f"This option is not allowed: {text}.", pointer=f"/compiler_args/{number}")

    def _limits(self) -> Iterator[Fault]:
        if self.engine_language is None:
            return
        yield from limit_faults(self.body.limits, self.engine_language)
        tests, engine_language = self.body.tests or (), self.engine_language
        yield from self.once(
            self.body.tests, engine_language.code, lambda: list(_limit_faults_of_tests(tests, engine_language))
        )

    def _addresses(self) -> Iterator[Fault]:
        body = self.body
        if body.email is not None and (refusal := self.constraints.refusal(body.email)):
            yield Fault(refusal, pointer="/email")
        if body.receipt and body.email is None:
            yield Fault("A receipt needs `email`; send an address, or leave it out.", pointer="/receipt")
        if body.webhook_url is not None and (fault := webhook_fault(body.webhook_url, self.constraints)):
            yield fault

    def _foreign_engine(self) -> Iterator[Fault]:
        if self.engine_language is None or not self.engine_language.is_foreign:
            return
        for name in _ONLY_RUN:
            value = getattr(self.body, name)
            if value.asked() if isinstance(value, LimitsBody) else value not in (None, []):
                yield Fault(NEEDS_RUN, pointer=f"/{name}")
        if len(self.files) > 1:
            yield Fault(NEEDS_RUN, pointer="/files")
        elif not _is_text(self.files[self._entry]):
            yield Fault(NEEDS_RUN, pointer="/files/0/content")

    def submission(self) -> NewSubmission:
        """Return the submission of a body without a fault."""
        body = self.body
        assert self.engine_language
        spec = {
            "args": body.args or [],
            "compiler_args": body.compiler_args or [],
            "limits": body.limits.asked() if body.limits else {},
            "checker": _checker(body.checker),
            "stop_at_first_failure": bool(body.stop_at_first_failure),
            "locale": body.locale or self.constraints.locale,
            "receipt": bool(body.receipt),
            "artifacts": True,
        }
        tests = self.once(body.tests, "stored", lambda: _tests(body.tests or ())) if body.tests else None
        metadata = body.metadata or {}
        texts = [body.expected_output, body.args, body.compiler_args, metadata]
        return NewSubmission(
            language=self.engine_language.code,
            filename=self._entry,
            source=self.once(body.files, "stored", lambda: stored(self.files)),
            stdin=body.stdin or "",
            email=body.email,
            hold=bool(body.hold),
            spec=spec,
            files=[{"path": path, "size_bytes": len(data)} for path, data in self.files.items()],
            expected_output=body.expected_output,
            tests=tests,
            metadata=metadata,
            webhook_url=body.webhook_url,
            text_bytes=text_bytes_of(texts) + (tests.text_bytes if tests else 0),
        )


def input_faults(text: str, max_bytes: int, place: str = "") -> Iterator[Fault]:
    """Yield the fault of an input of more than `max_bytes` bytes. `place` points to what it is the `stdin` of."""
    if len(text) > max_bytes or len(text.encode()) > max_bytes:
        yield Fault(f"It has more than {max_bytes} bytes; send a shorter input.", pointer=f"{place}/stdin")


def limit_faults(limits: LimitsBody | None, engine_language: EngineLanguage, place: str = "") -> Iterator[Fault]:
    """Yield a fault for each limit above the operator's bound. `place` points to what they are the `limits` of."""
    for name, value in (limits.asked() if limits else {}).items():
        bounds = engine_language.limits.get(name)
        if bounds is not None and value > bounds.max:
            yield Fault(f"It must be at most {as_written(bounds.max)}.", pointer=f"{place}/limits/{name}")


def webhook_fault(url: str, constraints: Constraints) -> Fault | None:
    """Return the fault of a `webhook_url`, as far as it can be found before the first webhook."""
    if fault := constraints.egress.fault_of(url):
        return Fault(f"{fault[:1].upper()}{fault[1:]}.", pointer="/webhook_url")
    return None if constraints.can_sign else Fault(_UNSIGNED, pointer="/webhook_url")


def _checker(body: CheckerBody | None) -> dict[str, Any]:
    kind = (body and body.kind) or CheckerKind.LINES.value
    if kind != "float":
        return {"kind": kind, "tolerance": None}
    tolerance = body.tolerance if body else None
    return {"kind": kind, "tolerance": DEFAULT_TOLERANCE if tolerance is None else tolerance}


def _decoded(files: Sequence[FileBody]) -> tuple[list[tuple[str, bytes]], list[Fault]]:
    """Return the paths and bytes of files, and the faults of their encoding."""
    decoded: list[tuple[str, bytes]] = []
    faults: list[Fault] = []
    for number, file in enumerate(files):
        try:
            decoded.append((file.path, file.data()))
        except ValueError as exc:
            faults.append(Fault(str(exc), pointer=f"/files/{number}/content"))
            decoded.append((file.path, b"?"))
    return decoded, faults


def _limit_faults_of_tests(tests: Sequence[TestBody], engine_language: EngineLanguage) -> Iterator[Fault]:
    for number, test in enumerate(tests):
        yield from limit_faults(test.limits, engine_language, f"/tests/{number}")


def _tests(bodies: Sequence[TestBody]) -> Tests:
    """Return tests as they are stored."""
    tests = [_test(number, test) for number, test in enumerate(bodies, 1)]
    return Tests(as_json(tests), text_bytes_of(tests), any(test["limits"] for test in tests))


def _test(number: int, test: TestBody) -> dict[str, Any]:
    """Return a test as it is stored, with its defaults."""
    return {
        "name": str(number) if test.name is None else test.name,
        "stdin": test.stdin or "",
        "args": test.args or [],
        "expected_output": test.expected_output,
        "limits": test.limits.asked() if test.limits else {},
        "hidden": bool(test.hidden),
        "points": 1.0 if test.points is None else test.points,
    }


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in data
