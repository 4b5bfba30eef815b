"""Writes the tests of a run as JUnit XML, which most tools read. Pure but for the answer."""

import re
from typing import Final, Literal
from xml.etree.ElementTree import Element, SubElement, tostring

from fastapi import Request, Response
from pydantic import Field

from api_service.http.errors import ApiError, Fault, Kind, invalid
from api_service.requests.answers import conditional_body
from api_service.requests.validation import Strict
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import GOOD_VERDICTS
from shared.engine_api.unit_tests import UnitTestOutcome
from shared.records.resources.models import Run, Test
from shared.records.resources.states import FINAL_STATES, State

_MEDIA_TYPE: Final = "application/xml"
#: The other media type of answers, as OpenAPI describes it.
CONTENT: Final = {_MEDIA_TYPE: {"schema": {"type": "string", "description": "The tests as JUnit XML."}}}
#: What no XML may hold, not even as a reference.
_IMPOSSIBLE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: The elements of outcomes, and of verdicts of tests that are no unit tests. Other outcomes are skips, and other
#: verdicts errors.
_ELEMENTS: Final[dict[str, str]] = {
    **dict.fromkeys((UnitTestOutcome.FAILED, Verdict.WRONG_ANSWER), "failure"),
    **dict.fromkeys((UnitTestOutcome.PASSED, *GOOD_VERDICTS), ""),
    UnitTestOutcome.ERROR: "error",
}
_COUNTS: Final = {"failures": "failure", "errors": "error", "skipped": "skipped"}


class FormatQuery(Strict):
    """The query of a run's answer."""

    format: Literal["junit"] | None = Field(default=None, description="`junit`: the tests as JUnit XML.")


def answer(request: Request, name: str, run: Run | None) -> Response:
    """Return the tests of a run of the program `name`. Raises `ApiError`: 409 before its end, 422 without tests."""
    if run is None or run.state not in FINAL_STATES:
        raise ApiError(Kind.CONFLICT, "The run has not ended; wait until it has, as `wait` does.")
    if run.tests is None and run.state is State.FINISHED and run.verdict is not Verdict.JUDGE_ERROR:
        raise invalid([Fault("This run has no tests; leave it out.", parameter="format")])
    return conditional_body(request, document(name, run), _MEDIA_TYPE, {})


def document(name: str, run: Run) -> bytes:
    """Return the tests of a run as JUnit XML. A run that is lost although no test is has one error more."""
    cases = [_case(test) for test in run.tests or ()]
    is_lost = any(case.find(element) is not None for case in cases for element in ("failure", "error"))
    if run.verdict not in GOOD_VERDICTS and not is_lost:
        cases.append(_element("testcase", name=name, time=0))
        message = run.judge_message or run.compile_output or run.verdict or run.state
        cases[-1].append(_element("error", message=message, type=run.verdict or run.state))
    counts = {plural: sum(case.find(tag) is not None for case in cases) for plural, tag in _COUNTS.items()}
    root = _element("testsuites", None, **{"tests": len(cases), **counts, "time": run.wall_s or 0})
    SubElement(root, "testsuite", {"name": _text(name), **root.attrib}).extend(cases)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def _case(test: Test) -> Element:
    case = _element("testcase", classname=test.group or "", name=test.name, time=test.wall_s or 0)
    properties = SubElement(case, "properties")
    for name in ("points", "points_awarded"):
        properties.append(_element("property", name=name, value=getattr(test, name) or 0))
    end = test.outcome or test.verdict or UnitTestOutcome.NOT_RUN
    if element := _ELEMENTS.get(end, "skipped" if isinstance(end, UnitTestOutcome) else "error"):
        case.append(_element(element, test.judge_message or test.diff, message=test.message or end, type=end))
    if test.stdout:
        case.append(_element("system-out", test.stdout))
    return case


def _element(tag: str, text: str | None = None, /, **attributes: object) -> Element:
    element = Element(tag, {name: _text(value) for name, value in attributes.items()})
    element.text = text and _text(text)
    return element


def _text(value: object) -> str:
    text = f"{value:.12g}" if isinstance(value, float) else str(value)
    return _IMPOSSIBLE.sub("\N{REPLACEMENT CHARACTER}", text)
