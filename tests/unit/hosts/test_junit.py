"""Reading the reports of pytest."""

from tests.hosts.junit import Report, read

_TEXT = """<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite errors="1" failures="1" tests="4">
<testcase classname="a" name="test_a"/>
<testcase classname="a" name="test_b[x]"><failure message="assert 1 == 2&#10;more">...</failure></testcase>
<testcase classname="a" name="test_c"><error message="failed on setup">...</error></testcase>
<testcase classname="a" name="test_d"><skipped message="no"/></testcase>
</testsuite></testsuites>"""


def test_each_failure_is_one_line() -> None:
    report = read(_TEXT)
    assert report == Report(1, 1, ("test_b[x]: assert 1 == 2", "test_c: failed on setup"))
    assert report.total == 3


def test_a_text_that_is_not_a_report_gives_none() -> None:
    assert read("") is None
    assert read(_TEXT[:100]) is None
