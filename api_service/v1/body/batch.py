"""Reads a batch from the body of a request.

Each submission is checked together with the defaults of the keys that it lacks, as if it had been posted by itself.
What the defaults need by themselves is done once, so that a short body with long defaults takes neither more time nor
more memory than a long one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import BaseModel, Field, create_model

from api_service.access.principal import Principal
from api_service.http.email_address import Address
from api_service.http.errors import ApiError, Fault, invalid
from api_service.http.sentences import MISSING
from api_service.requests.fields import Text
from api_service.requests.threads import run_in_thread, run_in_thread_if_large
from api_service.requests.validation import (
    MAX_FAULTS,
    NoQuery,
    Strict,
    checked,
    checked_query,
    first_of_each_place,
    parse_json,
    query_items,
    read_body,
)
from api_service.services import Services
from api_service.submissions.batches import NewBatch
from api_service.submissions.new_submission import NewSubmission
from api_service.v1.body.constraints import Constraints, constraints_of
from api_service.v1.body.defaults import BodyPath, Defaults
from api_service.v1.body.rules import check_submission
from api_service.v1.body.submission import SubmissionBody

MAX_BATCH: Final = 1000
#: What a batch may have outside of its strings (`shared.common.text.json_structure`): as much as a body of the default
#: size that is full of tests with short texts.
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
    digest_to: Address | None = Field(
        default=None,
        description="An address that gets one mail about all submissions when all have ended, beside their own mails."
        " It does not go with `digest`.",
    )
    webhook_url: Text | None = Field(default=None, description="Where the end of the batch is posted.")


class _Outline(Strict):
    """The keys of a batch, without what is in its submissions and defaults. `submissions` must not be missing."""

    submissions: Annotated[list[Any], Field(min_length=1, max_length=MAX_BATCH)] | None = None
    defaults: dict[str, Any] = Field(default_factory=dict)
    digest: bool = False
    digest_to: Address | None = None
    webhook_url: Text | None = None


_INNER: Final = {"submissions": list, "defaults": dict}


async def read_batch(request: Request, services: Services, principal: Principal) -> tuple[NewBatch, BaseModel]:
    """Return the batch of a request, and what was parsed. Raises `ApiError`: 415, 400, or 422 with all its faults."""
    body = await read_body(request)
    _, faults = checked_query(NoQuery, query_items(request))
    outline, own_faults = await run_in_thread_if_large(len(body), _outlined, body)
    contents = [content for content in outline.submissions or () if isinstance(content, dict)]
    constraints = await constraints_of(request, services, principal, [outline.defaults, *contents, dict(outline)])
    new = await run_in_thread(_validated, outline, replace(constraints, may_hold=False), [*faults, *own_faults])
    return new, outline


def _outlined(body: bytes) -> tuple[_Outline, list[Fault]]:
    """Return the outline of a body, and the faults of its keys, which it lacks. Raises `ApiError`: 400 or 422."""
    content = parse_json(body, _MAX_STRUCTURE)
    if not isinstance(content, dict):
        raise invalid([Fault("It must be an object.", pointer="")])
    # What is in them is checked with each submission.
    inner = {name: content[name] for name, kind in _INNER.items() if isinstance(content.get(name), kind)}
    shells = {name: [None] * len(value) if isinstance(value, list) else {} for name, value in inner.items()}
    result = checked(_Outline, {**content, **shells})
    if result.value is None:
        raise invalid(result.faults)
    is_missing = content.get("submissions") is None
    faults = [*result.faults, *([Fault(MISSING, pointer="/submissions")] if is_missing else [])]
    right = {name: value for name, value in inner.items() if f"/{name}" not in result.left_out}
    return result.value.model_copy(update=right), faults


def _validated(outline: _Outline, constraints: Constraints, faults: Sequence[Fault]) -> NewBatch:
    defaults = Defaults(outline.defaults)
    inner = [Fault(fault.detail, pointer=f"/defaults{fault.pointer}") for fault in defaults.checked.faults]
    faults = [*faults, *inner, *constraints.addresses.faults(None, outline.webhook_url)]
    faults += [replace(fault, pointer="/digest_to") for fault in constraints.addresses.faults(outline.digest_to, None)]
    if outline.digest and outline.digest_to is not None:
        faults.append(Fault("It does not go with `digest`; leave one of them out.", pointer="/digest_to"))
    new: list[NewSubmission] = []
    refused: ApiError | None = None
    for number, content in enumerate(outline.submissions or () if defaults.checked.value else ()):
        if len(faults) >= MAX_FAULTS:
            break
        place = BodyPath(f"/submissions/{number}", defaults)
        try:
            new.append(check_submission(content, constraints, place, others=faults).stored())
        except ApiError as exc:
            refused = exc
            faults = first_of_each_place([*faults, *exc.faults])
    if faults:
        raise invalid(first_of_each_place(faults))
    if refused:
        raise refused
    return NewBatch(new, digest=outline.digest, digest_to=outline.digest_to, webhook_url=outline.webhook_url)
