"""The hooks of Schemathesis, by which no good request takes long: a wait of 0 s, and streams that end.

They change no bad request. `test_schemathesis` names this file in Schemathesis' settings.
"""

import re
from typing import Any, Final

import requests
import schemathesis

#: Good values of the parameter `wait`. The header `Prefer` has its value in the settings, because a hook that changes
#: headers makes Schemathesis believe that the key was left out.
_WAIT: Final = re.compile(r"[1-9]|[1-5][0-9]|60")
_STREAM: Final = re.compile(r"/v1/(submissions|batches)/[1-9][0-9]{0,17}/events")


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    if _WAIT.fullmatch(str(case.query.get("wait", ""))):
        case.query["wait"] = 0
    if case.method == "GET" and _STREAM.fullmatch(case.formatted_path):
        _end(case)


def _end(case: schemathesis.Case[Any]) -> None:
    """Cancel what the stream is about, because no runner ends it."""
    base_url = str(case.operation.base_url).rstrip("/")
    path = case.formatted_path.removesuffix("/events")
    key = case.headers.get("Authorization")
    answer = requests.post(f"{base_url}{path}/cancel", headers={"Authorization": key} if key else {}, timeout=30)
    assert answer.status_code in {202, 401, 404, 409}, answer.text
