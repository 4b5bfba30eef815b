"""The requests of API v1, as values, and their bodies. Pure."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import httpx

from precieux_client.decoding import decode
from precieux_client.models import Page
from precieux_client.parameters import ProblemSettings, ProgramParameters

T = TypeVar("T")

#: The most bytes of JSON in an answer, and of an output, a source or a package. No server sends so many. JSON takes
#: several times its bytes in memory.
MAX_JSON: Final = 128 << 20
MAX_CONTENT: Final = 2 << 30
#: The most seconds for which the server waits before it answers.
MAX_WAIT: Final = 60


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and how to read its answer. A POST gets an Idempotency-Key, so it can be repeated.

    `wait` is for how many seconds the server may wait before it answers. `files` are the parts of a form, in place of a
    body, each with its name; the server may take `slow_s` seconds more for them.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    wait: float | None = None
    idempotency_key: str | None = None
    files: Mapping[str, tuple[str | None, bytes]] | None = None
    slow_s: float = 0

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the URL, without those that are None."""
        wait = None if self.wait is None else min(int(self.wait), MAX_WAIT)
        values = {**self.query, "wait": wait}
        return {name: _text(value) for name, value in values.items() if value is not None}


def one(kind: type[T]) -> Callable[[httpx.Response], T]:
    """Return a function that reads an answer with one value."""
    return lambda response: decode(kind, response.json())


def page(kind: type[T]) -> Callable[[httpx.Response], Page[T]]:
    """Return a function that reads an answer with a page of a list."""

    def read(response: httpx.Response) -> Page[T]:
        content = response.json()
        return Page(tuple(decode(kind, item) for item in content["items"]), content["next"])

    return read


def content(response: httpx.Response) -> bytes:
    return response.content


def nothing(response: httpx.Response) -> None:
    """Read an answer that has no content."""


def submission_body(submission: ProgramParameters) -> dict[str, Any]:
    """Return the body of a submission, or of a program alone.

    What is None, False or empty has the server's default, and is left out.
    """
    plain = {name: _plain(value) for name, value in submission.items() if name != "files"}
    body = {name: value for name, value in plain.items() if value not in (None, False, [], {})}
    files = submission.get("files")
    return body if files is None else {**body, "files": _files(files)}


def settings_form(package: bytes, settings: ProblemSettings) -> dict[str, tuple[str | None, bytes]]:
    """Return the form of a package and the settings of its problem."""
    form: dict[str, tuple[str | None, bytes]] = {"package": ("package.zip", package)}
    return form | {"problem": (None, json.dumps(problem_settings(settings)).encode())} if settings else form


def problem_settings(settings: ProblemSettings) -> dict[str, Any]:
    """Return the JSON of settings. Those that are None are sent, because they take a setting back."""
    body: dict[str, Any] = dict(settings)
    if limits := settings.get("limits"):
        body["limits"] = _plain(limits)
    if named := settings.get("language_limits"):
        body["language_limits"] = {language: _plain(limits) for language, limits in named.items()}
    return body


def given(**values: Any) -> dict[str, Any]:
    """Return the JSON of the values that are not None."""
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _files(files: Mapping[str, str | bytes]) -> list[dict[str, str]]:
    return [_file(path, data) for path, data in files.items()]


def _file(path: str, data: str | bytes) -> dict[str, str]:
    if isinstance(data, str):
        return {"path": path, "content": data}
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # a text of a request may not contain it
        return {"path": path, "content": base64.b64encode(data).decode(), "encoding": "base64"}
    return {"path": path, "content": text}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: a dataclass without the fields that are None or empty, any iterable as a list."""
    if is_dataclass(value):
        values = {field.name: getattr(value, field.name) for field in fields(value)}
        for name in ("files", "shared_files"):
            if isinstance(files := values.get(name), Mapping):
                values[name] = _files(files)
        return {name: _plain(inner) for name, inner in values.items() if inner is not None and inner != ()}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    return value


def _text(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
