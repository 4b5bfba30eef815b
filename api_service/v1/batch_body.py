"""Reads a batch from the body of a request.

Each submission is checked together with the defaults of the keys that it lacks, as if it had been posted by itself.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import Field, create_model

from api_service.auth import Principal
from api_service.batches import NewBatch
from api_service.dependencies import Services
from api_service.new_submission import NewSubmission, Object
from api_service.v1.aside import aside
from api_service.v1.bodies import require_known_offer, terms_of
from api_service.v1.pointers import Place
from api_service.v1.problems import Fault, V1Problem, invalid
from api_service.v1.requests import Terms, validate_submission, webhook_fault
from api_service.v1.submission_body import SubmissionBody, Text
from api_service.v1.validation import NoQuery, Strict, body_faults, parse_json, query_faults, query_items, read_body

#: Faults of one answer.
_MOST_FAULTS: Final = 100
#: Keys of the defaults. Each submission is merged with all of them.
_MOST_DEFAULTS: Final = 64
#: What a batch may have outside of its strings (`shared.json_structure`): as much as a body of the default size that is
#: full of tests with short texts.
_MOST_STRUCTURE: Final = 393_216

_KEYS: Final[dict[str, Any]] = {
    name: (Text | None if name == "language" else field.annotation, field if name != "language" else None)
    for name, field in SubmissionBody.model_fields.items()
    if name != "hold"
}
#: A submission of a batch, and the defaults, as OpenAPI describes them.
BatchItem = create_model(
    "BatchItem",
    __base__=Strict,
    __doc__="A submission of a batch, or its defaults. It has the keys of a submission but `hold`.",
    **_KEYS,
)


class BatchBody(Strict):
    """Submissions that are registered together: all of them or none."""

    submissions: Annotated[
        list[BatchItem],  # type: ignore[valid-type]
        Field(min_length=1, description="`GET /v1/limits` says how many there may be at most (`max_batch`)."),
    ]
    defaults: BatchItem | None = Field(  # type: ignore[valid-type]
        default=None, description="Values of the keys that a submission lacks. `source` and `files` count as one key."
    )
    digest: bool | None = Field(
        default=None, description="Each address gets one mail when all have ended, instead of one for each submission."
    )
    webhook_url: Text | None = Field(default=None, description="Where the end of the batch is posted.")


class _Outline(Strict):
    """The keys of a batch, without what is in its submissions."""

    submissions: Annotated[list[Any], Field(min_length=1)]
    defaults: dict[str, Any] = Field(default_factory=dict)
    digest: bool = False
    webhook_url: Text | None = None


@dataclass(frozen=True, slots=True)
class PostedBatch:
    """A batch that was posted. `content` is what was parsed, by which a repeated request is recognised."""

    new: NewBatch
    content: Mapping[str, Any]


async def read_batch(request: Request, services: Services, principal: Principal) -> PostedBatch:
    """Return the batch of a request. Raises `V1Problem`: 415, 400, or 422 with all its faults."""
    body = await read_body(request)
    faults = query_faults(NoQuery, query_items(request))
    outline = await aside(len(body), _outlined, body, faults, services.settings.max_batch)
    contents = [content for content in outline.submissions if isinstance(content, dict)]
    terms = await terms_of(request, services, principal, [outline.defaults, *contents, dict(outline)])
    # A short body may have long defaults for many submissions.
    new = await asyncio.to_thread(_validated, outline, replace(terms, may_hold=False))
    require_known_offer(terms, new.submissions)
    return PostedBatch(new, dict(outline))


def _outlined(body: bytes, faults: Sequence[Fault], max_batch: int) -> _Outline:
    """Return the outline of a body. Raises `V1Problem`: 400, or 422 with its faults and these of the query."""
    content = parse_json(body, _MOST_STRUCTURE)
    if not isinstance(content, dict):
        raise invalid([Fault("It must be an object.", pointer="")])
    faults = [*faults, *_outline_faults(content, max_batch)]
    if faults:
        raise invalid(faults)
    return _Outline.model_validate(content)


def _outline_faults(content: dict[str, Any], max_batch: int) -> list[Fault]:
    faults = body_faults(_Outline, content)
    submissions, defaults = content.get("submissions"), content.get("defaults")
    if isinstance(defaults, dict) and len(defaults) > _MOST_DEFAULTS:
        faults.append(Fault(f"It must have at most {_MOST_DEFAULTS} keys.", pointer="/defaults"))
    if isinstance(submissions, list) and len(submissions) > max_batch:
        detail = f"It has {len(submissions)} submissions; a batch may have {max_batch}."
        # What is in them is not looked at.
        faults = [fault for fault in faults if not (fault.pointer or "").startswith("/submissions")]
        faults.append(Fault(detail, pointer="/submissions"))
    return faults[:_MOST_FAULTS]


def _places(outline: _Outline) -> Iterator[tuple[Place, Any]]:
    for number, content in enumerate(outline.submissions):
        yield Place(path=f"/submissions/{number}", defaults=outline.defaults), content


def _validated(outline: _Outline, terms: Terms) -> NewBatch:
    """Return the batch. Raises `V1Problem` (422) with all its faults."""
    found: dict[str | None, Fault] = {}
    # A default may be bad even if no submission needs it.
    for fault in body_faults(SubmissionBody, {"language": "", **outline.defaults}):
        pointer = f"/defaults{fault.pointer}"
        found[pointer] = Fault(fault.detail, pointer=pointer)
    if outline.webhook_url is not None and (bad := webhook_fault(outline.webhook_url, terms)):
        found[bad.pointer] = bad
    new: list[NewSubmission] = []
    pool = _Pool()
    for place, content in _places(outline):
        try:
            new.append(pool.share(validate_submission(content, terms, place), content))
        except V1Problem as exc:
            for fault in exc.errors:
                found.setdefault(fault.pointer, fault)
        if len(found) >= _MOST_FAULTS:
            break
    if found:
        raise invalid(list(found.values())[:_MOST_FAULTS])
    return NewBatch(new, digest=outline.digest, webhook_url=outline.webhook_url)


class _Pool:
    """Keeps what submissions have in common in memory once, so that a batch takes little more memory than its body."""

    def __init__(self) -> None:
        self._sources: dict[tuple[bytes, str], Object] = {}
        self._tests: Any = None

    def share(self, new: NewSubmission, content: Mapping[str, Any]) -> NewSubmission:
        """Return the same submission with the source, and the default tests, of an earlier one."""
        key = (hashlib.sha256(new.source.data).digest(), new.source.extension)
        v1 = new.v1
        if v1 is not None and v1.tests is not None and "tests" not in content:
            if self._tests is None:
                self._tests = v1.tests
            v1 = replace(v1, tests=self._tests)
        return replace(new, source=self._sources.setdefault(key, new.source), v1=v1)
