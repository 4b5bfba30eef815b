"""The filter of system calls, which lists even arguments, lets runtimes use the kernel in a box: sockets of all kinds,
locks, terminals, memory maps, threads and children.
"""

from pathlib import Path

import pytest

from tests.fixtures.languages import need_language
from tests.fixtures.run_call import codex
from tests.waiting import PATIENCE

_FOLDER = Path(__file__).parent / "features"


@pytest.mark.parametrize("program", sorted(_FOLDER.glob("features.*")), ids=lambda program: program.suffix[1:])
def test_a_runtime_finds_what_it_needs(executor_url: str, program: Path) -> None:
    language = program.suffix[1:]
    need_language(language)
    limits = {"time_limit": 20 * PATIENCE, "wall_limit": 60 * PATIENCE}
    answer = codex(executor_url, language, program.read_text(), **limits)
    assert (answer["output"], answer["error"]) == ((_FOLDER / f"{language}.out").read_text(), "")
