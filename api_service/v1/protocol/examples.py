"""Examples of answers, for the OpenAPI document."""

from typing import Final

from shared.engine.codex import Verdict
from shared.resources.models import State

_ADDRESS: Final = "https://precieux.example.org/v1/submissions/5"
RUN: Final = {
    "number": 1,
    "state": "finished",
    "verdict": "ok",
    "requested_at": "2026-01-31T12:00:00.000000Z",
    "queued_at": "2026-01-31T12:00:00.004000Z",
    "started_at": "2026-01-31T12:00:00.006000Z",
    "finished_at": "2026-01-31T12:00:00.045000Z",
    "attempt": 1,
    "stdout": "42\n",
    "stderr": "",
    "compile_output": None,
    "truncated": [],
    "exit_code": 0,
    "signal": None,
    "cpu_s": 0.016,
    "wall_s": 0.018,
    "memory_bytes": 9_437_184,
    "engine": {"language": "py", "version": "3.11.9"},
    "artifacts": [
        {
            "name": "plot.png",
            "bytes": 10_240,
            "media_type": "image/png",
            "url": f"{_ADDRESS}/artifacts/plot.png?run=1",
        }
    ],
    "artifacts_left_out": {},
    "tests": None,
    "points": None,
    "points_awarded": None,
}
#: A run in a list, which has no texts.
RUN_ITEM: Final = {**RUN, "stdout": None, "stderr": None, "artifacts": None}
SUBMISSION: Final = {
    "id": 5,
    "state": "finished",
    "verdict": "ok",
    "language": "py",
    "entry": "main.py",
    "files": [{"path": "main.py", "size_bytes": 10}],
    "args": [],
    "compiler_args": [],
    "limits": {
        "cpu_s": 10,
        "wall_s": 20,
        "memory_bytes": 268_435_456,
        "output_bytes": 1_048_576,
        "processes": 64,
    },
    "checker": {"kind": "lines", "tolerance": None},
    "stop_at_first_failure": False,
    "email": None,
    "locale": "en",
    "metadata": {"course": "intro"},
    "batch": None,
    "created_at": "2026-01-31T12:00:00.000000Z",
    "queue": None,
    "run": RUN,
    "runs": 1,
    "mail": None,
    "webhook": None,
    "links": {
        "self": _ADDRESS,
        "events": f"{_ADDRESS}/events",
        "output": f"{_ADDRESS}/output",
        "source": f"{_ADDRESS}/source",
        "page": None,
    },
}
#: A submission in a list.
SUBMISSION_ITEM: Final = {**SUBMISSION, "run": RUN_ITEM}
_BATCH: Final = "https://precieux.example.org/v1/batches/3"
_STATES: Final = {state.value: 0 for state in State}
_VERDICTS: Final = {verdict.value: 0 for verdict in Verdict if verdict is not Verdict.INTERNAL_ERROR}
BATCH: Final = {
    "id": 3,
    "state": "finished",
    "total": 2,
    "done": 2,
    "states": {**_STATES, "finished": 2},
    "verdicts": {**_VERDICTS, "accepted": 2},
    "digest": False,
    "webhook": None,
    "created_at": "2026-01-31T12:00:00.000000Z",
    "finished_at": "2026-01-31T12:00:01.250000Z",
    "submissions": [5, 6],
    "links": {
        "self": _BATCH,
        "events": f"{_BATCH}/events",
        "submissions": "https://precieux.example.org/v1/submissions?batch=3",
    },
}
