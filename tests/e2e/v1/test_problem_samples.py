"""The packages of `samples/problems`: each jury submission gets what its folder says."""

from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.contract import Api, Contract, create_key
from tests.problem_packages import pack

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_SAMPLES: Final = Path(__file__).parents[3] / "samples/problems"
_VERDICTS: Final = {
    "accepted": "accepted",
    "wrong_answer": "wrong_answer",
    "run_time_error": "runtime_error",
}


@pytest.mark.parametrize("package", sorted(_SAMPLES.iterdir()), ids=lambda package: package.name)
def test_jury_submissions_get_what_is_expected(system: Contract, package: Path) -> None:
    key = create_key(system.data_dir, "jury", "problems", "submit", "read")["key"]
    name = f"sample-{package.name}"
    files = {str(path.relative_to(package)): path.read_text() for path in package.rglob("*") if path.is_file()}
    with Api(system.url, key) as api:
        stored = api.put(
            f"/v1/problems/{name}", content=pack(files).read(), headers={"Content-Type": "application/zip"}
        )
        assert stored.status_code == 201, stored.text
        assert stored.json()["warnings"] == []
        for program in sorted((package / "submissions").rglob("*.*")):
            language = program.suffix.removeprefix(".")
            body = api.submit(problem=name, language=language, source=program.read_text())
            assert (program.name, body["verdict"]) == (program.name, _VERDICTS[program.parent.name])
