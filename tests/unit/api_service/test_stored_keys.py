"""Each key of a submission changes what is stored: none is accepted and dropped."""

from typing import Any

import pytest

from api_service.v1.body.submission import SubmissionBody
from tests.unit.api_service.samples import BASE, validated

_FILES = [{"path": "a.py", "content": "1"}, {"path": "b.py", "content": "2"}]
_JUDGE = {"language": "py", "source": "print(2)"}
_TESTS = {"framework": "pytest", "files": [{"path": "test_a.py", "content": "import main\ndef test_a(): pass"}]}
#: By each key, a value of it, and a body that has another value, or none.
_SENT: dict[str, tuple[object, dict[str, Any]]] = {
    "language": ("java", BASE),
    "source": ("print(2)", BASE),
    "files": (_FILES, {"language": "py", "files": _FILES[:1], "entry": "a.py"}),
    "entry": ("b.py", {"language": "py", "files": _FILES}),
    "stdin": ("1", BASE),
    "args": (["1"], BASE),
    "compiler_args": (["-O2"], BASE),
    "limits": ({"cpu_s": 1}, BASE),
    "expected_output": ("1", BASE),
    "tests": ([{"stdin": "1"}], BASE),
    "checker": ({"kind": "exact"}, BASE | {"expected_output": "1"}),
    "interactor": (_JUDGE, BASE),
    "unit_tests": (_TESTS, BASE),
    "stop_at_first_failure": (True, BASE),
    "stop_after_time_limits": (2, BASE),
    "email": ("someone@example.com", BASE),
    "locale": ("fa", BASE),
    "receipt": (True, BASE | {"email": "someone@example.com"}),
    "webhook_url": ("https://example.com/hook", BASE),
    "hold": (True, BASE),
    "live_output": (True, BASE),
    "metadata": ({"a": "1"}, BASE),
}


@pytest.mark.parametrize("key", [key for key in SubmissionBody.model_fields if key != "problem"])
def test_a_key_changes_what_is_stored(key: str) -> None:
    value, others = _SENT[key]
    assert validated({**others, key: value}) != validated(others)
