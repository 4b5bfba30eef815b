"""Every installed language beside its bare tool, and under attack.

Each program of `programs/` runs in the sandbox, and the same commands run without it. Both must have the same output
and exit code. Without all languages, `CI=true` makes this suite fail and name those that are missing.
PRECIEUX_TEST_TOOLCHAINS is a folder of toolchains whose languages are tested too.
"""

import asyncio
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from executor import languages
from executor.catalogue.chosen import find_chosen, toolchains_folder
from executor.catalogue.find import candidates
from executor.catalogue.installed import ENVIRONMENT
from executor.languages.toolchain import IN_BOXES
from executor.settings import MIB, ExecutorSettings
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import Started, TestEnded
from tests.fixtures import run_call
from tests.fixtures.executor import NO_TOOLCHAINS, RunningExecutor, running_executor
from tests.fixtures.gate import leave_out, missing
from tests.fixtures.processes import arguments, pids_below
from tests.languages.proofs import INPUTS, OUTPUTS, SCRIPTS, load
from tests.waiting import PATIENCE, eventually_sync

pytestmark = [pytest.mark.languages, pytest.mark.timeout(300 * PATIENCE)]

_KNOWN: Final = languages.known()
_TOOLCHAINS: Final = os.environ.get("PRECIEUX_TEST_TOOLCHAINS", NO_TOOLCHAINS)
_SETTINGS: Final = ExecutorSettings(toolchains=Path(_TOOLCHAINS))
_INSTALLED: Final = {code: found[0].tools for code, found in candidates(find_chosen(_SETTINGS)).items()}
_PROOFS: Final = {code: programs for code, programs in load().items() if code in _INSTALLED}
_SCRIPT: Final = "attack.sh"
_MEMORY_BYTES: Final = 512 * MIB
#: Memory that a program may use before the meter notices, and memory that the kernel uses for the box itself.
_SLACK_BYTES: Final = 128 * MIB
_MIB_OF_OUTPUT: Final = MIB
_LIMITS: Final = {"cpu_s": 30 * PATIENCE, "wall_s": 90 * PATIENCE, "memory_bytes": _MEMORY_BYTES}


@dataclass(frozen=True)
class Ended:
    """How a program ended, in the sandbox or without it. A signal is a negative exit code."""

    stdout: bytes
    stderr: bytes
    exit_code: int


@pytest.fixture(scope="module")
def engine() -> Iterator[RunningExecutor]:
    compile_time_limit = str(60 * PATIENCE)
    with running_executor(executor_slots="2", compile_time_limit=compile_time_limit, toolchains=_TOOLCHAINS) as running:
        yield running


@pytest.fixture(scope="module")
def host_port() -> Iterator[int]:
    """Yield a port on which this machine listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def _listed(engine: RunningExecutor) -> dict[str, list[str]]:
    """Return the codes of each language's variants."""
    rows = httpx.get(f"{engine.url}list", timeout=60).json()["supportedLanguages"]
    return {row["language"]: [variant["code"] for variant in row["variants"]] for row in rows}


def _cases(*kinds: str) -> list[Any]:
    return [
        pytest.param(code, kind, id=f"{code}-{kind}")
        for code, programs in _PROOFS.items()
        for kind in kinds
        if kind in programs
    ]


def _source(code: str, kind: str) -> tuple[str, str]:
    """Return the file's name and text of a program."""
    text = _PROOFS[code][kind]
    return _KNOWN[code].names_for(text).source, text


async def _run(
    url: str, code: str, files: dict[str, str], stdin: str = "", **limits: float
) -> tuple[Started, TestEnded]:
    found = await run_call.events(url, code, files, limits={**_LIMITS, **limits}, tests=[{"stdin": stdin}])
    started, *_, ended, _ = found
    assert isinstance(started, Started)
    assert isinstance(ended, TestEnded), found
    return started, ended


def _bare(code: str, started: Started, name: str, text: str, stdin: str, folder: Path) -> Ended:
    """Run the executor's commands without the sandbox."""

    outside = {"/box/work": str(folder), "/box/tmp": str(folder / "tmp"), "/etc/ghc": "/var/lib/ghc"}
    outside |= {IN_BOXES: str(toolchains_folder(_SETTINGS))}

    def here(words: str) -> str:
        return re.sub("|".join(outside), lambda found: outside[found[0]], words)

    (folder / "tmp").mkdir()
    (folder / name).write_text(text)
    environment = {key: here(value) for key, value in {**ENVIRONMENT, **_KNOWN[code].environment}.items()}
    if started.compile:
        subprocess.run(here(started.compile), shell=True, cwd=folder, env=environment, check=True, capture_output=True)
    done = subprocess.run(
        f"exec {here(started.run)}", shell=True, cwd=folder, env=environment, input=stdin.encode(), capture_output=True
    )
    return Ended(done.stdout, done.stderr, done.returncode)


def _in_sandbox(ended: TestEnded) -> Ended:
    assert ended.exit_code is not None or ended.signal is not None, ended
    return Ended(
        ended.stdout_bytes or ended.stdout.encode(),
        ended.stderr_bytes or ended.stderr.encode(),
        ended.exit_code if ended.exit_code is not None else -(ended.signal or 0),
    )


def test_every_language_is_installed() -> None:
    if absent := [code for code in _KNOWN if code not in _INSTALLED]:
        # The full image leaves the second ones out.
        packages = "those of deploy/Dockerfile, and algol68g bc beef dash emacs-nox gprolog tcc valac yabasic zsh"
        missing(f"a toolchain for {', '.join(absent)}", f"install Debian's packages: {packages}.")


def test_every_installed_language_is_listed(engine: RunningExecutor) -> None:
    """A language that is installed and does not start is left out of the list."""
    assert list(_listed(engine)) == [*_PROOFS]


@pytest.mark.parametrize(("code", "kind"), _cases("hello", "sum", "echo", "exit", "error", "unicode"))
async def test_a_program_runs_as_by_the_bare_tool(
    engine: RunningExecutor, code: str, kind: str, tmp_path: Path
) -> None:
    name, text = _source(code, kind)
    started, answer = await _run(engine.url, code, {name: text}, INPUTS[kind])
    found = _in_sandbox(answer)
    bare = await asyncio.to_thread(_bare, code, started, name, text, INPUTS[kind], tmp_path)
    assert found.exit_code == bare.exit_code, (answer, bare)
    assert _comparable(found.stderr, tmp_path) == _comparable(bare.stderr, tmp_path)
    if kind == "error":  # some tools write their messages to standard output
        assert _comparable(found.stdout, tmp_path) == _comparable(bare.stdout, tmp_path)
    else:
        assert found.stdout == bare.stdout
    assert answer.verdict is (Verdict.OK if found.exit_code == 0 else Verdict.RUNTIME_ERROR)
    if kind in OUTPUTS:
        assert found.stdout.decode().startswith(OUTPUTS[kind])
        assert found.exit_code == 0
    elif kind == "exit":
        assert found.exit_code == 3
    else:
        assert found.exit_code != 0 or found.stderr


@pytest.mark.parametrize(("code", "kind"), _cases("output"))
async def test_output_is_cut_where_the_bare_tool_goes_on(
    engine: RunningExecutor, code: str, kind: str, tmp_path: Path
) -> None:
    name, text = _source(code, kind)
    started, answer = await _run(engine.url, code, {name: text})
    bare = await asyncio.to_thread(_bare, code, started, name, text, "", tmp_path)
    assert len(bare.stdout) >= 1_900_000
    assert answer.verdict is Verdict.OUTPUT_LIMIT
    assert answer.truncated == ["stdout"]
    assert answer.stdout.encode() == bare.stdout[:_MIB_OF_OUTPUT]


@pytest.mark.parametrize(("code", "kind"), _cases("hello"))
async def test_a_program_that_writes_no_file_needs_no_file(engine: RunningExecutor, code: str, kind: str) -> None:
    """The limit is the default of Judge0's door. Runtimes may keep their own code in files in memory."""
    name, text = _source(code, kind)
    (ended,) = await run_call.tests(engine.url, code, {name: text}, file_bytes=1 << 20, limits=_LIMITS)
    assert (ended.verdict, ended.stdout) == (Verdict.OK, "Hello, world!\n"), ended


#: Programs that do not end well, though each prints `before`.
_BAD_PROLOG: Final = {
    "an exception": "main :- X is foo + 1, write(X).",
    "a syntax error": "foo( :- bar.\nmain.",
    "an endless recursion": "main :- f(1).\nf(X) :- Y is X + 1, f(Y), g.\ng.",
    "an unknown predicate": "main :- nothing_of_the_kind.",
}


@pytest.mark.parametrize("fault", _BAD_PROLOG)
async def test_a_prolog_program_with_an_error_does_not_end_well(engine: RunningExecutor, fault: str) -> None:
    if "prolog" not in _INSTALLED:
        pytest.skip("Prolog is not installed")
    source = f":- initialization(main).\n:- writeln(before).\n{_BAD_PROLOG[fault]}\n"
    _, ended = await _run(engine.url, "prolog", {"main.pro": source})
    expected = Verdict.MEMORY_LIMIT if fault == "an endless recursion" else Verdict.RUNTIME_ERROR
    assert (ended.verdict, ended.stdout) == (expected, "before\n"), ended


@pytest.mark.parametrize(
    ("code", "variant"),
    [
        pytest.param(code, variant.code, id=variant.code)
        for code in _INSTALLED
        if (compile_ := _KNOWN[code].compile)
        for variant in compile_.variants
    ],
)
async def test_a_variant_runs_its_languages_program(engine: RunningExecutor, code: str, variant: str) -> None:
    offered = await asyncio.to_thread(_listed, engine)
    if variant not in offered[code]:
        leave_out(f"the compiler of this machine is too old for {variant}")
    name, text = _source(code, "hello")
    _, answer = await _run(engine.url, variant, {name: text})
    assert answer.stdout == "Hello, world!\n"


@pytest.mark.parametrize("attack", ["network", "files"])
@pytest.mark.parametrize(("code", "kind"), _cases("shell"))
async def test_an_attack_is_held(
    engine: RunningExecutor, code: str, kind: str, attack: str, host_port: int, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("ESCAPED")
    script = SCRIPTS[attack].replace("@PORT@", str(host_port)).replace("@SECRET@", str(secret))
    name, text = _source(code, kind)
    _, answer = await _run(engine.url, code, {name: text, _SCRIPT: script})
    assert answer.stdout.strip() == "HELD", answer


@pytest.mark.parametrize(("code", "kind"), _cases("shell"))
async def test_a_fork_bomb_is_held(engine: RunningExecutor, code: str, kind: str) -> None:
    name, text = _source(code, kind)
    _, answer = await _run(engine.url, code, {name: text, _SCRIPT: SCRIPTS["fork_bomb"]}, cpu_s=2.0, wall_s=4.0)
    assert answer.verdict is not Verdict.INTERNAL_ERROR
    eventually_sync(lambda: not any(_SCRIPT in arguments(pid) for pid in pids_below(engine.pid)), timeout=10)
    name, text = _source(code, "hello")
    _, answer = await _run(engine.url, code, {name: text})
    assert answer.stdout == "Hello, world!\n"


@pytest.mark.parametrize(("code", "kind"), _cases("memory"))
async def test_memory_is_bounded(engine: RunningExecutor, code: str, kind: str) -> None:
    name, text = _source(code, kind)
    _, answer = await _run(engine.url, code, {name: text}, cpu_s=20 * PATIENCE)
    assert answer.verdict in (Verdict.MEMORY_LIMIT, Verdict.RUNTIME_ERROR, Verdict.TIME_LIMIT), answer
    assert answer.memory_bytes <= _MEMORY_BYTES + _KNOWN[code].run.extra_memory_mib * MIB + _SLACK_BYTES


@pytest.mark.parametrize(("code", "kind"), _cases("loop"))
async def test_an_endless_loop_is_ended(engine: RunningExecutor, code: str, kind: str) -> None:
    name, text = _source(code, kind)
    _, answer = await _run(engine.url, code, {name: text}, cpu_s=2.0, wall_s=60.0)
    assert answer.verdict is Verdict.TIME_LIMIT, answer
    assert 1.5 < answer.cpu_s < 4


def _comparable(text: bytes, folder: Path) -> str:
    """Return the text without the parts that differ between runs: folders, addresses, process ids and times."""
    plain = text.decode(errors="replace").replace(str(folder), "/box/work")
    return re.sub(r"\b(0x)?[0-9a-fA-F]{6,}\b|[0-9]+", "0", plain)
