"""How the answers of a shared compiler are checked, with a fake compiler."""

import asyncio
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from executor.sandbox.base import Job, SandboxFailure, StepResult
from executor.warm import shared_compiler
from executor.warm.shared_compiler import ProtocolError, SharedCompiler, checked
from tests.waiting import eventually

_ENDED = StepResult(0)


def _field(content: bytes) -> bytes:
    return struct.pack(">i", len(content)) + content


def _answer(verdict: int, diagnostics: str, *files: tuple[str, bytes]) -> bytes:
    fields = b"".join(_field(name.encode()) + _field(content) for name, content in files)
    return bytes([verdict]) + _field(diagnostics.encode()) + struct.pack(">i", len(files)) + fields


class _FakeCompiler:
    """Answers every source by `answer`, and ends if that returns nothing."""

    def __init__(self, answer: Callable[[bytes, bytes], bytes]) -> None:
        self._answer = answer
        self.starts = 0

    async def run(self, job: Job) -> StepResult:
        self.starts += 1
        stdin = job.step.stdin
        assert not isinstance(stdin, bytes)
        reader, writer = await asyncio.open_unix_connection(sock=stdin.dup())
        try:
            writer.write(b"r")
            while True:
                fields = [await reader.readexactly(await _number(reader)) for _ in range(2)]
                answer = self._answer(*fields)
                if not answer:
                    return _ENDED
                writer.write(answer)
        except asyncio.IncompleteReadError:
            return _ENDED
        finally:
            writer.close()


async def _number(reader: asyncio.StreamReader) -> int:
    number: int = struct.unpack(">i", await reader.readexactly(4))[0]
    return number


async def _started(fake: _FakeCompiler) -> SharedCompiler:
    compiler = SharedCompiler(fake.run, ("javac",), {}, idle_s=60)
    await _until_answered(compiler)
    return compiler


async def _until_answered(compiler: SharedCompiler) -> None:
    async with asyncio.timeout(30):
        while await compiler.compile("Main.java", b"class Main {}", 1000) is None:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_source_does_not_wait_for_the_start() -> None:
    fake = _FakeCompiler(lambda name, source: _answer(0, "", ("Main.class", source)))
    compiler = SharedCompiler(fake.run, ("javac",), {}, idle_s=60)
    assert await compiler.compile("Main.java", b"class Main {}", 1000) is None
    await compiler.aclose()


@pytest.mark.parametrize("reason", ["the box could not be made: no memory", "memory"])
async def test_a_compiler_that_cannot_start_says_why(reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its box is not made, or is stopped at a limit."""
    logged: list[object] = []
    monkeypatch.setattr(shared_compiler.log, "warning", lambda event, **context: logged.append(context["reason"]))

    async def run(job: Job) -> StepResult:
        if reason == "memory":
            return replace(_ENDED, stopped=reason)
        raise SandboxFailure(reason)

    compiler = SharedCompiler(run, ("javac",), {}, idle_s=60)
    assert await compiler.compile("Main.java", b"class Main {}", 1000) is None
    await eventually(lambda: logged)
    assert logged == [reason]
    await compiler.aclose()


async def test_an_answer_becomes_a_step_result() -> None:
    fake = _FakeCompiler(lambda name, source: _answer(0, "Note", ("a/Main.class", source), ("Other.class", name)))
    compiler = await _started(fake)
    ended = await compiler.compile("Main.java", b"text", 2)
    assert ended
    assert ended.succeeded
    assert (ended.stdout, ended.cut) == (b"No", ("stdout",))
    assert {name: file.content for name, file in ended.compiled_files.items()} == {
        "a/Main.class": b"text",
        "Other.class": b"Main.java",
    }
    await compiler.aclose()


async def test_a_rejected_source_has_no_compiled_files() -> None:
    compiler = await _started(_FakeCompiler(lambda name, source: _answer(1, "error", ("Main.class", b""))))
    ended = await compiler.compile("Main.java", b"text", 1000)
    assert ended
    assert (ended.exit_code, ended.stdout, ended.compiled_files) == (1, b"error", {})
    await compiler.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        _answer(2, ""),
        _answer(7, ""),
        _answer(0, ""),
        _answer(0, "", ("../Main.class", b"")),
        _answer(0, "", ("M" * 300 + ".class", b"")),
        _answer(0, "", *((f"C{number}.class", b"") for number in range(3073))),
        b"\x00" + struct.pack(">i", -1),
        b"\x00" + struct.pack(">i", 1 << 30),
        b"",
    ],
)
async def test_a_malformed_or_unsure_answer_falls_back(answer: bytes) -> None:
    fake = _FakeCompiler(lambda name, source: answer if source == b"odd" else _answer(1, ""))
    compiler = await _started(fake)
    assert await compiler.compile("Main.java", b"odd", 1000) is None
    await compiler.aclose()


async def test_a_compiler_that_takes_too_long_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_compiler, "_COMPILE_S", 0.05)
    fake = _FakeCompiler(lambda name, source: _answer(1, "")[: 3 if source == b"odd" else None])
    compiler = await _started(fake)
    assert await compiler.compile("Main.java", b"odd", 1000) is None
    await _until_answered(compiler)
    assert fake.starts == 2
    await compiler.aclose()


async def test_a_disconnected_client_leaves_no_answer_for_the_next() -> None:
    compiler = await _started(_FakeCompiler(lambda name, source: _answer(1, source.decode())))
    hasty = asyncio.create_task(compiler.compile("Main.java", b"first", 1000))
    await asyncio.sleep(0)
    hasty.cancel()
    ended = await compiler.compile("Main.java", b"second", 1000)
    assert ended
    assert ended.stdout == b"second"
    await compiler.aclose()


@pytest.mark.parametrize("name", ["Main.class", "a/b/Main$1.class", "Übung.class"])
def test_names_of_class_files_are_accepted(name: str) -> None:
    assert checked(name) == name


@pytest.mark.parametrize(
    "name", ["", "/Main.class", "../Main.class", "a/../../M.class", "a//M.class", "main", "a\0.class"]
)
def test_other_names_are_rejected(name: str) -> None:
    with pytest.raises(ProtocolError):
        checked(name)
