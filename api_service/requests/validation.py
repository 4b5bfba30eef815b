"""Checks what a request to API v1 contains, and reports every fault of it at once.

- JSON: `read_body`, `parse_json` and then `checked`, with a model that derives from `Strict`. It also returns a model
  of the keys without a fault, so that rules of keys together can add theirs.
- Query: `read_query`. Forms: `from_text`, then `checked`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from types import UnionType
from typing import Annotated, Any, Final, Generic, TypeVar, Union, get_args, get_origin
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from api_service.http.errors import ApiError, Fault, Kind, invalid
from api_service.http.json_text import parse_json as parse_json
from api_service.http.sentences import MISSING, sentence
from api_service.requests.answers import JSON

M = TypeVar("M", bound=BaseModel)

#: More digits than any bound has, so that a number that is too large is refused by its bound.
_INT: Final = re.compile(r"-?[0-9]{1,100}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?[0-9]{1,19}(?:\.[0-9]{1,19})?", re.ASCII)
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII | re.IGNORECASE,
)
_BOOLEANS: Final = {"true": True, "false": False}
#: The most faults of a body that are reported. A body may have a hundred thousand keys that do not exist.
MAX_FAULTS: Final = 100
#: The most keys of an object, and parameters of a query. Each may be a fault, which takes twenty times its text in the
#: answer.
_MAX_KEYS: Final = 64
_DIRTY: Final = "It must be text in UTF-8, without a NUL character or a lone surrogate."


class Strict(BaseModel):
    """A part of a request: no unknown keys, no conversion of types. In an optional key, `null` is the default."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, content: object) -> object:
        if not isinstance(content, dict):
            return content
        if len(content) > _MAX_KEYS:
            raise ValueError(f"it must have at most {_MAX_KEYS} keys")
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {name: value for name, value in content.items() if value is not None or name not in optional}


class NoQuery(Strict):
    """The query of a call without parameters."""


async def read_body(request: Request, *, may_be_empty: bool = False) -> bytes:
    """Return a body that is declared as JSON. Raise `ApiError` (415) if it is declared as something else.

    A body that is too large is refused (413) while it is read, which comes before 415. With `may_be_empty`, an empty
    one needs no type.
    """
    body = await request.body()
    is_json = request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == JSON
    if not is_json and (body or not may_be_empty):
        detail = f"The body must be JSON; send it with `Content-Type: {JSON}`."
        raise ApiError(Kind.UNSUPPORTED_TYPE, detail, headers={"Accept": JSON})
    return body


@dataclass(frozen=True, slots=True)
class Checked(Generic[M]):
    """The content of a body as a model, and its faults, one for each place.

    `value` is without the keys at the pointers `left_out`, which have faults. A text that is required is empty instead.
    It is None if the content has too many faults for a model.
    """

    value: M | None
    faults: list[Fault]
    left_out: frozenset[str] = frozenset()

    def valid(self, *more_faults: Iterable[Fault]) -> M:
        """Return the model. Raise `ApiError` (422) with its faults and these others, if there are any."""
        faults = first_of_each_place(chain(self.faults, *more_faults))
        if self.value is None or faults:
            raise invalid(faults)
        return self.value


def checked(model: type[M], content: object) -> Checked[M]:
    """Return a content as a model of the keys without a fault, so that rules of keys together can add their faults."""
    value, errors = _parsed(model, content)
    faults = first_of_each_place([*islice(text_faults(content), MAX_FAULTS), *errors])
    left_out: set[str] = set()
    if faults and len(faults) < MAX_FAULTS:
        rest, errors = deepcopy(content), faults
        while errors and "" not in left_out:
            for error in errors:
                _leave_out(rest, error.pointer or "", left_out, is_missing=error.detail == MISSING)
            value, errors = _parsed(model, rest)
    return Checked(None if errors else value, faults, frozenset(left_out))


def _parsed(model: type[M], content: object) -> tuple[M | None, list[Fault]]:
    try:
        return model.model_validate(content), []
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False)[:MAX_FAULTS]
        pointers = [pointer_to(error["loc"], content, is_missing=error["type"] == "missing") for error in errors]
        return None, [Fault(sentence(error), pointer=pointer) for error, pointer in zip(errors, pointers, strict=True)]


def _leave_out(content: Any, pointer: str, left_out: set[str], *, is_missing: bool = False) -> None:
    """Remove the key at a pointer. A missing key becomes an empty text, or its object goes if the text is wrong too."""
    was_left_out = pointer in left_out
    left_out.add(pointer)
    if not pointer:
        return
    around_pointer, _, last = pointer.rpartition("/")
    around, last = content, _unescaped(last)
    for step in around_pointer.split("/")[1:]:
        key: int | str = int(step) if isinstance(around, list) else _unescaped(step)
        if not (isinstance(around, dict | list) and _has(around, key)):
            return  # it is gone with what is around it
        around = around[key]  # type: ignore[index]
    if not isinstance(around, dict) or (last in around and was_left_out):
        _leave_out(content, around_pointer, left_out)
    elif is_missing:
        around[last] = ""
    else:
        around.pop(last, None)


def first_of_each_place(faults: Iterable[Fault]) -> list[Fault]:
    """Return the first fault of each place, as many as are reported."""
    first: dict[tuple[str | None, str | None], Fault] = {}
    for fault in faults:
        first.setdefault((fault.pointer, fault.parameter), fault)
    return list(first.values())[:MAX_FAULTS]


def first_key(pointer: str) -> str:
    """Return the key that a pointer begins with; an empty text for the whole."""
    return _unescaped(pointer.split("/", 2)[1]) if pointer else ""


def text_faults(content: object, pointer: str = "") -> Iterator[Fault]:
    """Yield a fault for every text, also a name of an object, with a NUL or a lone surrogate."""
    if isinstance(content, str):
        if not is_clean(content):
            yield Fault(_DIRTY, pointer=pointer)
    elif isinstance(content, dict):
        for name, value in content.items():
            if not is_clean(name):
                yield Fault("Its names must not contain a NUL character or a lone surrogate.", pointer=pointer)
            else:
                yield from text_faults(value, f"{pointer}/{escaped(name)}")
    elif isinstance(content, list):
        for index, value in enumerate(content):
            yield from text_faults(value, f"{pointer}/{index}")


def is_clean(text: str) -> bool:
    """Return True if the text has no NUL and no lone surrogate, so that it can be stored and sent."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def pointer_to(location: Sequence[int | str], content: object, *, is_missing: bool = False) -> str:
    """Return the JSON pointer (RFC 6901) of an error's location in the content that was validated.

    pydantic's locations also name members of unions and validators. They are no part of the content, so they are
    left out.
    """
    pointer = ""
    for nth, step in enumerate(location, start=1):
        is_inside = isinstance(content, dict | list) and _has(content, step)
        if is_inside or (is_missing and nth == len(location)):
            content = content[step] if is_inside else None  # type: ignore[index]
            pointer += f"/{escaped(str(step))}"
    return pointer


def _has(content: dict[Any, Any] | list[Any], step: int | str) -> bool:
    return step in content if isinstance(content, dict) else isinstance(step, int) and step < len(content)


def escaped(step: str) -> str:
    """Return a key as a JSON pointer has it (RFC 6901)."""
    return step.replace("~", "~0").replace("/", "~1")


def _unescaped(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


def read_query(request: Request, model: type[M] = NoQuery) -> M:  # type: ignore[assignment]
    """Return the query of a request as a model. Raise `ApiError` (422) with all its faults."""
    value, faults = checked_query(model, query_items(request))
    if value is None:
        raise invalid(faults)
    return value


def query_items(request: Request) -> list[tuple[str, str]]:
    """Return the parameters of a query in their order. What is not UTF-8 becomes lone surrogates, which are faults.

    Starlette would replace it, so that a program would get another input than was sent. Raise `ApiError` (422) if
    there are too many.
    """
    query = request.scope["query_string"].decode("latin-1")
    if query.count("&") >= _MAX_KEYS:
        detail = f"The query has more than {_MAX_KEYS} parameters; send fewer."
        raise ApiError(Kind.INVALID, detail, [Fault(detail, parameter="")])
    return parse_qsl(query, keep_blank_values=True, errors="surrogateescape")


def checked_query(model: type[M], items: Sequence[tuple[str, str]]) -> tuple[M | None, list[Fault]]:
    """Return a query as a model, and its faults, one for each parameter. With a fault there is no model.

    Parameters `NAME.X` go to the dict `NAME` of the model, if it has one.
    """
    values = dict(items)
    faults = {fault.parameter: fault for fault in repeated(items)}
    for name, text in items:
        if not (is_clean(name) and is_clean(text)):
            faults.setdefault(name, Fault(_DIRTY, parameter=name))
    value = None
    try:
        value = model.model_validate(_grouped(model, values))
    except ValidationError as exc:
        for error in exc.errors(include_url=False, include_input=False):
            steps = [str(step) for step in error["loc"] if step != "[key]"]
            name = ".".join(steps) if ".".join(steps) in values else steps[0] if steps else ""
            faults.setdefault(name, Fault(sentence(error), parameter=name))
    return (None if faults else value), list(faults.values())


def repeated(items: Sequence[tuple[str, str]]) -> list[Fault]:
    """Return a fault for each parameter that is there more than once."""
    times = Counter(name for name, _ in items)
    detail = "It is there more than once; send it once."
    return [Fault(detail, parameter=name) for name, number in times.items() if number > 1]


def _grouped(model: type[BaseModel], items: Mapping[str, str]) -> dict[str, object]:
    """Return the parameters as values, those of `NAME.X` in a dict of their own."""
    values: dict[str, object] = {}
    plain: dict[str, str] = {}
    for name, text in items.items():
        group, dot, inner = name.partition(".")
        if dot and group in model.model_fields:
            inside = values.setdefault(group, {})
            assert isinstance(inside, dict)
            inside[inner] = text
        else:
            plain[name] = text
    return {**from_text(model, plain), **values}


def from_text(model: type[BaseModel], items: Mapping[str, str]) -> dict[str, object]:
    """Return the fields of a form or a query, converted to numbers, booleans and times.

    A text that cannot be converted stays a text, which `checked` then refuses.
    """
    return {
        name: _value(text, _kind(model.model_fields[name].annotation)) if name in model.model_fields else text
        for name, text in items.items()
    }


def _kind(annotation: Any) -> Any:
    """Return the plain type of an annotation: without `Annotated`, and without `None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kind(get_args(annotation)[0])
    if origin in (Union, UnionType):
        kinds = [_kind(member) for member in get_args(annotation) if member is not type(None)]
        return kinds[0] if len(kinds) == 1 else str
    return annotation


def _value(text: str, kind: Any) -> object:
    if kind is bool:
        return _BOOLEANS.get(text, text)
    if kind is int and _INT.fullmatch(text):
        return int(text)
    if kind is float and _DECIMAL.fullmatch(text):
        return float(text)
    if kind is datetime and _TIME.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper())
        except ValueError:
            return text
    return text
