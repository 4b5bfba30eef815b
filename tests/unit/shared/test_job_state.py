import re
from pathlib import Path

from shared.records.operations.job_state import FINAL, TRANSITIONS, JobState

ROOT = Path(__file__).parents[3]


def test_the_drawing_shows_exactly_the_transitions_of_the_code() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    diagram = text.split("stateDiagram-v2", 1)[1].split("```", 1)[0]
    drawn = {tuple(pair) for pair in re.findall(r"^\s*(\S+) --> ([^\s:]+)", diagram, re.MULTILINE)}
    coded = {(str(state), str(following)) for state, nexts in TRANSITIONS.items() for following in nexts}
    coded |= {("[*]", str(JobState.NONE_EXECUTED))} | {(str(state), "[*]") for state in FINAL}
    assert drawn == coded


def test_the_tables_check_allows_exactly_the_states() -> None:
    [check] = re.findall(
        r"CONSTRAINT job_status_check CHECK .*", (ROOT / "shared/adapters/database/schema.sql").read_text()
    )
    assert set(re.findall(r"'([^']+)'", check)) == set(JobState)
