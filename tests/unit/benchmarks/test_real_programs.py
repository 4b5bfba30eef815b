"""The real programs of `make bench args=real`."""

import subprocess
from pathlib import Path

import pytest

from benchmarks import real
from benchmarks.programs import HELLO, toolchains
from benchmarks.targets import Target


@pytest.mark.parametrize("language", HELLO)
def test_each_language_has_four_programs(language: str) -> None:
    programs = real.read(language)

    assert len({program.name for program in programs}) == 4
    assert all("NUMBER" in program.template for program in programs)


def test_the_python_programs_print_the_answers(tmp_path: Path) -> None:
    python = toolchains()["py"]["python"]
    sources = {program: tmp_path / f"{program.name}.py" for program in real.read("py")}
    for program, path in sources.items():
        path.write_text(program.source(7))
    running = {
        program: subprocess.Popen([python, path], stdout=subprocess.PIPE, text=True)
        for program, path in sources.items()
    }

    printed = {program.name: child.communicate()[0] for program, child in running.items()}

    assert printed == {program.name: program.expected(7) for program in sources}


def test_the_slowest_program_decides() -> None:
    series = {"fast": [(1.0, 2.0), (1.0, 4.0), (1.0, 2.0)], "slow": [(3.0, 2.0)]}

    found = real.finding("py", "latency", series, Target(1.0))

    assert (found.ratio, found.met) == (1.5, False)
    assert found.ours == "median 1.00x, worst slow"
