"""The audit of packages says that there is no hole only if it has looked."""

from datetime import date
from typing import Any, Final

import pytest

from tests.audit import Hole, NotLooked, faults, of_npm, of_pip_audit

DAY: Final = date(2026, 12, 4)
HOLE: Final = Hole("jinja2 2.10", frozenset({"PYSEC-2019-217", "CVE-2019-10906"}))


def test_holes_of_python_packages_have_all_their_ids() -> None:
    vulns = '[{"id": "PYSEC-2019-217", "aliases": ["CVE-2019-10906"], "fix_versions": []}]'
    answer = f'{{"dependencies": [{{"name": "jinja2", "version": "2.10", "vulns": {vulns}}}], "fixes": []}}'
    assert of_pip_audit(answer) == [HOLE]


def test_holes_of_scripts_are_named_once() -> None:
    answer = """{"vulnerabilities": {
        "redoc": {"via": ["dompurify"]},
        "dompurify": {"via": [{"url": "https://github.com/advisories/GHSA-vhxf-7vqr-mrjg"}]}}}"""
    assert of_npm(answer) == [Hole("dompurify", frozenset({"GHSA-vhxf-7vqr-mrjg"}))]
    assert of_npm('{"vulnerabilities": {}}') == []


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Traceback (most recent call last)",
        "[]",
        '{"message": "405 Method Not Allowed", "statusCode": 405}',
        '{"dependencies": []}',
        '{"dependencies": [{"name": "jinja2", "skip_reason": "not found on PyPI"}], "fixes": []}',
    ],
)
def test_an_audit_without_data_has_not_looked(answer: str) -> None:
    for read in (of_pip_audit, of_npm):
        with pytest.raises(NotLooked):
            read(answer)


@pytest.mark.parametrize(
    ("identifier", "look_again", "wanted"),
    [
        ("CVE-2019-10906", DAY, []),
        ("CVE-2019-10906", date(2026, 12, 3), ["audit_exceptions.toml: look again at CVE-2019-10906: no templates"]),
        ("CVE-2020-0001", DAY, ["jinja2 2.10: CVE-2019-10906, PYSEC-2019-217"]),
    ],
)
def test_an_exception_passes_one_hole_until_its_day(identifier: str, look_again: date, wanted: list[str]) -> None:
    exception: dict[str, Any] = {"id": identifier, "reason": "no templates", "look_again": look_again}
    assert faults([HOLE], [exception], DAY) == wanted
