"""Every function that reads a stranger's text outside of a sandbox takes steps in proportion to its length.

Add new functions to `_FUNCTIONS`. The quick tests use one attack of each kind and no long texts, the slow
tests use all.
"""

import io
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import quote

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import FormData, Headers
from starlette.requests import Request
from starlette.types import Message

from api_service.classic.form import read_submission
from api_service.classic.schemas import Upload
from api_service.settings import ApiSettings
from api_service.web.problems.safe_html import of_html, of_markdown
from executor import verdict, wire
from executor.catalogue.installed import Installed
from executor.languages import known
from executor.local_only import is_loopback_origin, names_loopback
from executor.pipeline.compile_cache import key_of
from executor.pipeline.plan import plan_source
from executor.sandbox.base import StepResult
from executor.settings import ExecutorSettings
from executor.warm.shared_compiler import checked
from job_runner.emails.mailers.base import Email
from job_runner.emails.mailers.message import parse_recipient, write_message
from job_runner.emails.texts.result_mail import render
from job_runner.verdict.outcome import decide
from precieux.classes.choose import program_of
from precieux.classes.sources.work import Work, one
from precieux.classes.table import Table
from precieux.classes.tree import TreeFile
from shared.adapters.engine.codex_client import _error_text, _parse
from shared.adapters.storage.signing import LinkSigner
from shared.common.service.logging import LogSettings, configure_logging
from shared.common.text.json_structure import has_more_structure
from shared.engine_api.codex import RunRequest, RunResponse
from shared.engine_api.languages import check_lang
from shared.records.accounts.api_keys import digest
from tests.bounded_steps import check_linear
from tests.factories import BRANDING, claimed_job, engine_answer

_EXECUTOR: Final = ExecutorSettings()
_API: Final = ApiSettings()
_SIGNER: Final = LinkSigner(b"secret", "http://localhost")
_JOB: Final = claimed_job(is_classic=True)
_NOW: Final = datetime(2026, 11, 25, tzinfo=UTC)


def _request(body: bytes, kind: str, query: str = "", fields: tuple[tuple[str, str], ...] = ()) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", kind.encode()), *((name.encode(), value.encode()) for name, value in fields)]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": query.encode()}
    return Request(scope, receive)


def _now(coroutine: Any) -> object:
    """Return the result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


async def _form(request: Request) -> FormData:
    async with request.form(max_files=10, max_fields=20, max_part_size=1 << 24) as form:
        return form


_PART: Final = '--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'


def _multipart(**fields: str) -> bytes:
    parts = "".join(_PART.format(name=name, text=text) for name, text in fields.items())
    file = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.py"\r\n\r\npass\r\n--b--\r\n'
    return (parts + file).encode("utf-8", "replace")


def _submission(**fields: str) -> object:
    given = {"email": "a@example.com", "language": "py", **fields}
    return _now(read_submission(_request(_multipart(**given), "multipart/form-data; boundary=b"), _API))


def _plan(code: str) -> None:
    for language in known().values():
        tools = dict.fromkeys(language.tools, "/usr/bin/true")
        installed = Installed(language, tools, "")
        request = RunRequest(code=code, language=language.code)
        if compilation := plan_source(request, installed, _EXECUTOR).compilation:
            key_of(compilation, ())


def _ended(text: str) -> None:
    output = text.encode("utf-8", "replace")
    for language in known().values():
        ended = StepResult(1, None, 0, 0, 0, None, output, output)
        verdict.of_run(ended, language.run.out_of_memory)


def _structure(body: bytes) -> bool:
    """Scan the body to its end: with a higher bound it is not scanned, and with a lower one not to the end."""
    return has_more_structure(body, len(body) - 1)


def _answer(text: str) -> RunResponse:
    return engine_answer(None, output=text, error=text, language=text, info=text)


def _mail(text: str) -> bytes:
    email = Email("a@example.com", "Code result - 1", text, text, "<1@example.com>", "https://example.com/unsubscribe")
    return write_message(email, Address(addr_spec="b@example.com"), _NOW)


def _handed_in(text: str) -> None:
    file = TreeFile(1, lambda: text.encode("utf-8", "replace"))
    program_of(Work(one("1", "Ada"), {"a.py": file, "b.py": file}), None, None)


def _online(text: str) -> None:
    file = TreeFile(1, lambda: text.encode("utf-8", "replace"))
    program_of(Work(one("1", "Ada"), text=file), None, "py")


def _as_read(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _log(*, terminal: bool) -> Callable[[str], str]:
    def work(text: str) -> str:
        root = logging.getLogger()
        before = root.handlers, root.level, structlog.get_config()
        try:
            with patch.object(sys.stderr, "isatty", return_value=terminal), patch.dict(os.environ, NO_COLOR="1"):
                configure_logging("test", LogSettings())
            stream = io.StringIO()
            root.handlers[0].stream = stream  # type: ignore[attr-defined]
            structlog.get_logger("test").info("run.ended", reason=text, other=[text])
            return stream.getvalue()
        finally:
            root.handlers, level, config = before
            root.setLevel(level)
            structlog.configure(**config)
            structlog.contextvars.clear_contextvars()

    return work


_FUNCTIONS: Final[dict[str, Callable[[str], object]]] = {
    "executor: plan": _plan,
    "executor: code as JSON": lambda text: wire.parse_json(json.dumps({"code": text, "language": "py"}).encode()),
    "executor: JSON": lambda text: wire.parse_json(text.encode("utf-8", "replace")),
    "executor: JSON object": lambda text: wire.parse_json(b'{"code": "", "x": ' + text.encode("utf-8", "replace")),
    "executor: time limit": lambda text: wire.parse_form({"code": "x", "time_limit": text, "memory_limit": text}),
    "executor: urlencoded": lambda text: wire.parse_urlencoded(text.encode("utf-8", "replace")),
    "executor: multipart": lambda text: _now(_form(_request(_multipart(code=text), "multipart/form-data; boundary=b"))),
    "executor: raw multipart": lambda text: _now(
        _form(_request(b"--b\r\n" + text.encode("utf-8", "replace"), "multipart/form-data; boundary=b"))
    ),
    "executor: part's header": lambda text: _now(
        _form(_request(_multipart(**{text: "x"}), "multipart/form-data; boundary=b"))
    ),
    "executor: boundary": lambda text: _now(
        _form(_request(b"--b\r\n", "multipart/form-data; boundary=" + quote(text, safe=" ;=\",'\\")))
    ),
    "executor: output": _ended,
    "executor: answer": lambda text: _answer(text).model_dump_json(by_alias=True, exclude_none=True),
    "executor: name of a class": checked,
    "executor: refusal": lambda text: wire.refusal(400, text, text).model_dump_json(),
    "shared: structure of JSON": lambda text: _structure(text.encode("utf-8", "replace")),
    "shared: language": check_lang,
    "shared: host": names_loopback,
    "shared: origin": lambda text: is_loopback_origin(f"http://{text}"),
    "shared: key": digest,
    "shared: link": lambda text: _SIGNER.verifies(text, expires=1 << 62, signature=text, now=0),
    "shared: way out": lambda text: _SIGNER.verifies_unsubscribe(text, signature=text),
    "shared: JSON log": _log(terminal=False),
    "shared: console log": _log(terminal=True),
    "API: address": lambda text: Upload(email=f"{text}@example.com", language="py"),
    "API: domain": lambda text: Upload(email=f"a@{text}", language="py"),
    "API: language": lambda text: Upload(email="a@example.com", language=text),
    "API: id": lambda text: Upload.model_validate({"id": text, "email": "a@example.com", "language": "py"}),
    "API: inputs": lambda text: _submission(inputs=text),
    "API: address in a form": lambda text: _submission(email=text),
    "API: query string": lambda text: _request(b"", "", quote(text, safe="&=;+%")).query_params.get("email"),
    "API: cookies": lambda text: _request(b"", "", "", (("cookie", quote(text, safe=';=", ')),)).cookies,
    "API: statement in HTML": lambda text: of_html(_as_read(text), lambda _: None),
    "API: statement in Markdown": lambda text: of_markdown(_as_read(text), lambda _: None),
    "class: imports of programs": _handed_in,
    "class: online text": _online,
    "class: table": lambda text: Table("a.csv", f"a,b\n{text}".encode("utf-8", "replace")),
    "API: bearer": lambda text: Headers({"authorization": quote(text, safe=" ")})["authorization"].partition(" "),
    "runner: engine's answer": lambda text: _parse(bytearray(_answer(text).model_dump_json(by_alias=True).encode())),
    "runner: engine's JSON": lambda text: _parse(bytearray(text.encode("utf-8", "replace"))),
    "runner: engine's error": lambda text: _error_text(bytearray(text.encode("utf-8", "replace"))),
    "runner: mail": lambda text: render(_JOB, decide(_answer(text)), BRANDING),
    "runner: mail's parts": _mail,
    "runner: recipient": lambda text: parse_recipient.__wrapped__(f"{text}@example.com"),
    "runner: recipient's domain": lambda text: parse_recipient.__wrapped__(f"a@{text}"),
}

#: Characters of the shortest text, if it is not the usual one. Shorter bodies are not scanned for their structure.
_SMALLEST: Final = {
    **dict.fromkeys(("executor: code as JSON", "executor: JSON", "executor: JSON object"), 20_000),
    # So that the matcher of `re` takes more steps than all else.
    "class: imports of programs": 8_000,
    # With more brackets, it stays a text.
    "API: statement in Markdown": 600,
}

#: Texts that make parsers backtrack, nest or copy.
_UNITS: Final = (
    " ", "\n", "\r\n", "\t", "\x00", "\x1b[31m", "\x85", "\u2028", "\ud83d", "é", "漢", "🎉", "a\u0301", "a", "9", "-",
    ".", "..", "@", "a.", "a@", "(", ")", "()", "<", ">", "[", "]", "[[", "{", "}", "{}", '"', "'", '""', '"""', "\\",
    "\\\\", '\\"', "\\u", "\\ud83d", ",", ";", ":", "&", "&&", "a=1&", "=", "=?", "=?utf-8?q?a?=", "%", "%41", "%%",
    "+", "/", "//", "/*", "*/", "/**/", "#", "class A{}", "class ", "public ", "package ", "package a.", "void main(",
    "void ", "enum a", "-l", "-L/", "/tmp/cc123456.o ", '{"a":', '"a":1,', "1,", "1e9", "--b\r\n", "\r\n--b",
    "\r\n\r\n", "A: b\r\n", "../", "xn--", "ﬀ", "İ", "ß", "__DATE__", "_",
)  # fmt: skip


#: One of each kind: white space, ends of lines, control characters, surrogates, wide characters, dots, addresses,
#: brackets, quotes, escapes, forms, headers, comments, Java, and numbers.
_QUICK_UNITS: Final = (
    " ", "\r\n", "\x1b[31m", "\ud83d", "🎉", "a.", "a@", "[[", '"', "\\u", "a=1&", "=?", "/*", "package a.", "1,",
)  # fmt: skip


def _repeated(before: str, unit: str, after: str) -> Callable[[int], str]:
    return lambda size: before + unit * (size // max(len(unit), 1)) + after


@pytest.mark.parametrize("name", _FUNCTIONS)
def test_known_attacks_take_linear_steps(name: str) -> None:
    for unit in _QUICK_UNITS:
        _check(name, "", unit, "", longer=(4,))


@pytest.mark.slow
@pytest.mark.timeout(400)  # to count the steps of Markdown takes a minute on a busy machine
@pytest.mark.parametrize("name", _FUNCTIONS)
def test_all_known_attacks_take_linear_steps(name: str) -> None:
    for unit in _UNITS:
        if name == "API: statement in Markdown":
            # It takes 60 steps for each character. A smaller growth of a shorter text shows the same fault.
            _check(name, "", unit, "", longer=(4,), slack=1.2)
        else:
            _check(name, "", unit, "")


@pytest.mark.slow
@pytest.mark.parametrize("name", _FUNCTIONS)
@settings(max_examples=20, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_combined_attacks_take_linear_steps(name: str, data: st.DataObject) -> None:
    piece = st.lists(st.one_of(st.sampled_from(_UNITS), st.characters()), min_size=1, max_size=3).map("".join)
    _check(name, data.draw(piece), data.draw(piece), data.draw(piece))


@pytest.mark.parametrize("terminal", [True, False])
def test_logs_escape_line_breaks_and_terminal_codes(*, terminal: bool) -> None:
    for unit in (*_UNITS, "\x9b31m", "\u202e"):
        assert _log(terminal=terminal)(unit).removesuffix("\n").isprintable()


def _check(name: str, before: str, unit: str, after: str, *, longer: Sequence[int] = (4, 16), slack: float = 2) -> None:
    make, smallest = _repeated(before, unit, after), _SMALLEST.get(name, 512)
    try:
        check_linear(_FUNCTIONS[name], make, smallest=smallest, longer=longer, slack=slack)
    except BaseException as exc:
        exc.add_note(f"{name}: {before!r}, {unit!r} again and again, {after!r}")
        raise
