"""Reads a batch from the body of a request.

Each submission is checked together with the defaults of the keys that it lacks, as if it had been posted by itself.
What the defaults need by themselves is done once, so that a short body with long defaults takes neither more time nor
more memory than a long one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import BaseModel, Field, create_model

from api_service.access.auth import Principal
from api_service.http.errors import ApiError, Fault, invalid
from api_service.requests.threads import run_in_thread, run_in_thread_if_large
from api_service.services import Services
from api_service.submissions.batches import NewBatch
from api_service.submissions.new_submission import NewSubmission
from api_service.v1.body.constraints import Constraints, constraints_of
from api_service.v1.body.defaults import BodyPath, Defaults
from api_service.v1.body.rules import validate_submission, webhook_fault
from api_service.v1.body.submission import SubmissionBody, Text, overfull
from api_service.v1.protocol.validation import (
    MAX_FAULTS,
    NoQuery,
    Strict,
    checked,
    checked_query,
    parse_json,
    query_items,
    read_body,
)

#: The submissions of one batch.
MAX_BATCH: Final = 1000
#: What a batch may have outside of its strings (`shared.text.json_structure`): as much as a body of the default size
#: that is full of tests with short texts.
_MAX_STRUCTURE: Final = 393_216

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
        Field(min_length=1, max_length=MAX_BATCH),
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


async def read_batch(request: Request, services: Services, principal: Principal) -> tuple[NewBatch, BaseModel]:
    """Return the batch of a request, and what was parsed. Raises `ApiError`: 415, 400, or 422 with all its faults."""
    body = await read_body(request)
    _, faults = checked_query(NoQuery, query_items(request))
    outline = await run_in_thread_if_large(len(body), _outlined, body, faults)
    contents = [content for content in outline.submissions if isinstance(content, dict)]
    constraints = await constraints_of(request, services, principal, [outline.defaults, *contents, dict(outline)])
    new = await run_in_thread(_validated, outline, replace(constraints, may_hold=False))
    constraints.require_known(new.submissions)
    return new, outline


def _outlined(body: bytes, faults: Sequence[Fault]) -> _Outline:
    """Return the outline of a body. Raises `ApiError`: 400, or 422 with its faults and these of the query."""
    content = parse_json(body, _MAX_STRUCTURE)
    if not isinstance(content, dict):
        raise invalid([Fault("It must be an object.", pointer="")])
    outline, shape_faults = checked(_Outline, content)
    faults = [*faults, *_outline_faults(content, shape_faults)]
    if outline is None or faults:
        raise invalid(faults)
    return outline


def _outline_faults(content: dict[str, Any], shape_faults: Sequence[Fault]) -> list[Fault]:
    faults = list(shape_faults)
    submissions, defaults = content.get("submissions"), content.get("defaults")
    if isinstance(defaults, dict):
        faults += _below("/defaults", overfull(defaults))
    if isinstance(submissions, list) and len(submissions) > MAX_BATCH:
        detail = f"It has {len(submissions)} submissions; a batch may have {MAX_BATCH}."
        # What is in them is not looked at.
        faults = [fault for fault in faults if not (fault.pointer or "").startswith("/submissions")]
        faults.append(Fault(detail, pointer="/submissions"))
    return faults[:MAX_FAULTS]


def _below(path: str, faults: Iterable[Fault]) -> list[Fault]:
    return [Fault(fault.detail, pointer=f"{path}{fault.pointer}") for fault in faults]


def _validated(outline: _Outline, constraints: Constraints) -> NewBatch:
    """Return the batch. Raises `ApiError` (422) with all its faults, as far as they are reported."""
    defaults = Defaults(outline.defaults)
    if defaults.faults:
        raise invalid(_below("/defaults", defaults.faults))
    faults: dict[str | None, Fault] = {}
    if outline.webhook_url is not None and (bad := webhook_fault(outline.webhook_url, constraints)):
        faults[bad.pointer] = bad
    new: list[NewSubmission] = []
    for number, content in enumerate(outline.submissions):
        if len(faults) >= MAX_FAULTS:
            break
        try:
            new.append(validate_submission(content, constraints, BodyPath(f"/submissions/{number}", defaults)))
        except ApiError as exc:
            for fault in exc.faults:
                faults.setdefault(fault.pointer, fault)
    if faults:
        raise invalid(list(faults.values())[:MAX_FAULTS])
    return NewBatch(new, digest=outline.digest, webhook_url=outline.webhook_url)
