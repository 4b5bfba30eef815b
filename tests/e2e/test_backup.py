"""The commands of docs/operations.md for an installation without Docker: its data folder is lost and restored."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import requests

from tests.fixtures.up import Up

pytestmark = pytest.mark.e2e

_MANUAL = Path(__file__).parents[2] / "docs/operations.md"
_PROGRAM = "for number in range(20000):\n    print(number, 'kept')\n"


def documented() -> tuple[str, str]:
    section = _MANUAL.read_text().partition("\nWithout Docker: stop `up`")[2].partition("\n## ")[0]
    backup, restore = re.findall(r"^ {4}(.*\$PRECIEUX_DATA_DIR.*)$", section, re.MULTILINE)
    return backup, restore


@pytest.mark.slow
def test_a_copy_of_the_data_folder_is_a_backup(up: Up, tmp_path: Path) -> None:
    source = tmp_path / "kept.py"
    source.write_text(_PROGRAM)

    def run(command: str) -> None:
        assert up.stop() == 0
        environment = {**os.environ, "PRECIEUX_DATA_DIR": str(up.data_dir)}
        subprocess.run(["bash", "-euc", command], cwd=tmp_path, env=environment, check=True)
        up.start()

    def submitted(email: str) -> str:
        up.finished(email, up.submit(source, language="py", email=email))
        return whole_output(email)

    def whole_output(email: str) -> str:
        (row,) = up.results(email).values()
        answer = requests.get(row["filelink"], timeout=10)
        answer.raise_for_status()
        return answer.text

    backup, restore = documented()
    up.start()
    output = submitted("before@example.com")
    assert output.endswith("19999 kept\n")
    run(backup)
    submitted("after@example.com")
    run(restore)
    assert whole_output("before@example.com") == output
    assert up.results("after@example.com") == {}
    assert submitted("again@example.com") == output
