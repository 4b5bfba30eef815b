"""The filter of system calls, which lists even arguments, lets runtimes use the kernel in a box: sockets of all kinds,
locks, terminals, memory maps, threads and children.
"""

from pathlib import Path

import httpx
import pytest

from tests.fixtures.languages import need_language
from tests.waiting import PATIENCE

_FOLDER = Path(__file__).parent / "features"


@pytest.mark.parametrize("program", sorted(_FOLDER.glob("features.*")), ids=lambda program: program.suffix[1:])
def test_a_runtime_finds_what_it_needs(executor_url: str, program: Path) -> None:
    language = program.suffix[1:]
    need_language(language)
    body = {"language": language, "code": program.read_text(), "time_limit": 20 * PATIENCE, "wall_limit": 60 * PATIENCE}
    answer = httpx.post(executor_url, json=body, timeout=120 * PATIENCE).json()
    assert (answer["output"], answer["error"]) == ((_FOLDER / f"{language}.out").read_text(), "")
