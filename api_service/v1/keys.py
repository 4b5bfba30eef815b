"""Checks each key of a submission by itself. `api_service.v1.requests` checks them together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api_service.problems import Fault
from api_service.v1.submission_body import MOST_METADATA, SubmissionBody
from api_service.v1.validation import checked
from shared.engine import MAX_FILES

#: The most keys that any object of a body may have.
_MOST_KEYS: Final = 64


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a submission. `body` has only those without a fault, and `bad` are the names of the others."""

    body: SubmissionBody
    faults: Sequence[Fault]
    bad: frozenset[str]


def check_keys(content: dict[str, Any]) -> Keys:
    """Check the keys of a submission."""
    found = checked(SubmissionBody, content)
    if found.value is not None:
        return Keys(found.value, (), frozenset())
    good = {name: content[name] for name in content if name in SubmissionBody.model_fields and name not in found.bad}
    return Keys(SubmissionBody.model_validate({"language": "", **good}), found.faults, frozenset(found.bad))


def overfull(value: object, pointer: str = "") -> Iterator[Fault]:
    """Yield a fault for each object with more keys than any may have, because each key may be a fault."""
    if isinstance(value, dict):
        most = MOST_METADATA if pointer == "/metadata" else _MOST_KEYS
        if len(value) > most:
            yield Fault(f"It must have at most {most} keys.", pointer=pointer)
            return
        for name, inner in value.items():
            if isinstance(inner, dict | list):
                yield from overfull(inner, f"{pointer}/{name}")
    elif isinstance(value, list) and len(value) <= MAX_FILES:
        for number, inner in enumerate(value):
            if isinstance(inner, dict):
                yield from overfull(inner, f"{pointer}/{number}")
