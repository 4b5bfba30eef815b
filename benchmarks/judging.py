"""Measures what a checker costs: `python -m benchmarks.judging [RESULT.json]`.

100 tests of a C++ program are judged by a C++ checker, and in turn compared by lines. Both programs are compiled
before, so that each test costs one box more and nothing else.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks import report
from benchmarks.engine import Engine, engine
from benchmarks.findings import Finding, median_ratio
from benchmarks.targets import JUDGING

_TESTS: Final = 100
_PAIRS: Final = 15
_SECONDS: Final = 120.0
_PROGRAM: Final = "#include <iostream>\nint main() { long n; std::cin >> n; std::cout << 2 * n << '\\n'; }\n"
_CHECKER: Final = """\
#include <fstream>
#include <iostream>
int main(int, char** arguments) {
    std::ifstream answer(arguments[2]);
    long wanted = 0, got = 0;
    answer >> wanted;
    return std::cin >> got && got == wanted ? 42 : 43;
}
"""
_JUDGED: Final = {
    "kind": "program",
    "program": {"language": "cpp", "files": [{"path": "check.cpp", "content": _CHECKER}]},
}
_COMPARED: Final = {"kind": "lines"}


def _body(checker: dict[str, Any]) -> bytes:
    tests = [{"stdin": f"{number}\n", "expected_output": f"{2 * number}\n"} for number in range(_TESTS)]
    files = [{"path": "main.cpp", "content": _PROGRAM}]
    return json.dumps({"language": "cpp", "files": files, "checker": checker, "tests": tests}).encode()


def _seconds(client: httpx.Client, checker: dict[str, Any]) -> float:
    """Return the seconds of one run. Raise `RuntimeError` if a test was not accepted."""
    body, began = _body(checker), time.perf_counter()
    answer = client.post("/run", content=body, headers={"Content-Type": "application/json"})
    seconds = time.perf_counter() - began
    if answer.text.count('"accepted"') != _TESTS:
        raise RuntimeError(f"not all tests were accepted: {answer.text[-500:]}")
    return seconds


def _measure(running: Engine) -> Finding:
    with httpx.Client(base_url=running.url, timeout=_SECONDS, trust_env=False) as client:
        for checker in (_JUDGED, _COMPARED) * 2:
            _seconds(client, checker)
        pairs = [(_seconds(client, _JUDGED), _seconds(client, _COMPARED)) for _ in range(_PAIRS)]
    judged, compared = zip(*pairs, strict=True)
    ratio = median_ratio(judged, compared)
    return Finding(
        measure=f"{_TESTS} C++ tests with a C++ checker",
        ours=f"{min(judged) * 1000:.0f} ms",
        beside=f"{min(compared) * 1000:.0f} ms",
        ratio=ratio,
        target=JUDGING.text(),
        met=JUDGING.met(ratio),
        details={"judged_s": judged, "compared_s": compared},
    )


def main() -> int:
    """Run the benchmark. Return 1 if the target was missed."""
    with engine() as running:
        finding = _measure(running)
    report.show([finding])
    for path in sys.argv[1:]:
        report.write(report.record([finding], command="python -m benchmarks.judging"), Path(path))
    return int(finding.met is False)


if __name__ == "__main__":
    sys.exit(main())
