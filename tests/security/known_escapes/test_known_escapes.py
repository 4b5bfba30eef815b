"""No published escape can be begun in a box: the kernel is never asked for what each needs, or refuses it.

One program makes all these calls (`probes.c`), with arguments that do nothing. `escapes.toml` says which error each of
them must get. A kernel without the wall answers otherwise, unless it lacks what the call is for.
"""

import errno
import re
from pathlib import Path

import httpx
import pytest

from tests.fixtures.executor import RunningExecutor
from tests.fixtures.languages import need_language
from tests.security.known_escapes.page import TABLE, with_table
from tests.waiting import PATIENCE

pytestmark = pytest.mark.security

_PROGRAM = Path(__file__).with_name("probes.c").read_text()
_ESCAPES = TABLE["escapes"]["rows"]


@pytest.fixture(scope="module")
def answers(engine: RunningExecutor) -> dict[str, int]:
    """The error of each probe in a box, 0 for success."""
    need_language("c")
    body = {"language": "c", "code": _PROGRAM}
    answer = httpx.post(engine.url, json=body, timeout=60 * PATIENCE).json()
    assert answer["verdict"] == "ok", answer
    return {name: int(number) for name, number in (line.split() for line in answer["output"].splitlines())}


@pytest.mark.parametrize("escape", _ESCAPES, ids=lambda escape: escape[0])
def test_the_entries_of_an_escape_are_closed(answers: dict[str, int], escape: tuple[str, str, list[str]]) -> None:
    _, _, probes = escape
    expected = {probe: TABLE["probes"][probe][1] for probe in probes}
    numbers = {probe: getattr(errno, name) if name else 0 for probe, name in expected.items()}
    assert {probe: answers[probe] for probe in probes} == numbers


def test_almost_all_are_closed_and_each_opening_has_a_reason() -> None:
    still_open = {name for name, (_, _, how) in TABLE["probes"].items() if how == "open"}
    assert still_open == TABLE["open"].keys() == {name for name, (_, error, _) in TABLE["probes"].items() if not error}
    with_opening = [name for name, _, probes in _ESCAPES if still_open & set(probes)]
    assert len(with_opening) <= len(_ESCAPES) * 0.05


def test_the_program_the_probes_and_the_escapes_belong_together() -> None:
    assert sorted(re.findall(r"^    PROBE\((\w+), ", _PROGRAM, re.MULTILINE)) == sorted(TABLE["probes"])
    assert {probe for _, _, probes in _ESCAPES for probe in probes} == TABLE["probes"].keys()
    published = [name for name, _, _ in _ESCAPES if re.match(r"CVE-202[2-6]-\d{4,}\b", name)]
    assert len(published) >= 40
    assert published == sorted(set(published))


@pytest.mark.parametrize("page", ["no place", "<!-- known escapes -->\n\nold\n<!-- / -->"])
def test_the_page_gets_the_table(page: str) -> None:
    if page == "no place":
        with pytest.raises(ValueError, match="known escapes"):
            with_table(page)
    else:
        assert "| CVE-2022-0847 (Dirty Pipe) | pipes, page cache | `splice`, `sendfile` |" in with_table(page)
        assert with_table(with_table(page)) == with_table(page) != page
