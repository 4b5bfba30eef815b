"""The script of a forked Python, which rehearses while it waits for its program."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

#: Forks a Python, as the zygote does, which runs the program that the first argument names. Prints the fork's report.
_ZYGOTE = """
import gc, io, json, os, resource, sys
from executor.sandbox.zygote.script import Script

def run(script, path, rehearsed):
    if rehearsed:
        script.rehearse(["python3", "other.py"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    script.begin(["python3", "main.py"])
    script._path = path
    exec(script.code(), script.names)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    names = sorted(name for name in script.names if not name.startswith("__"))
    return {"faults": faults, "names": names, "argv": sys.argv, "main": sys.modules["__main__"] is script._module}

path, rehearsed = sys.argv[1], sys.argv[2] == "rehearsed"
output = os.dup(1)
script = Script()
if rehearsed:
    script.rehearse(["python3", "other.py"])
gc.collect()
gc.freeze()
gc.disable()
ends = os.pipe()
if os.fork() == 0:
    os.write(ends[1], json.dumps(run(script, path, rehearsed)).encode())
    os._exit(0)
os.wait()
os.close(ends[1])
os.write(output, os.read(ends[0], 65536))
"""


def _run(program: Path, how: str) -> dict[str, object]:
    command = [sys.executable, "-c", _ZYGOTE, str(program), how]
    completed = subprocess.run(command, capture_output=True, check=True)
    report: dict[str, object] = json.loads(completed.stdout)
    return report


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "main.py"
    path.write_text("def text(number):\n    return f'{number}'\nprint('Hello', text(1))\n")
    return path


def test_a_rehearsal_halves_the_pages_that_a_program_copies(program: Path) -> None:
    rehearsed, plain = (_run(program, how)["faults"] for how in ("rehearsed", "plain"))
    assert isinstance(rehearsed, int)
    assert isinstance(plain, int)
    assert rehearsed < plain / 2


def test_a_rehearsal_leaves_no_trace_in_the_program(program: Path) -> None:
    rehearsed, plain = ({**_run(program, how), "faults": None} for how in ("rehearsed", "plain"))
    assert rehearsed == plain
    assert rehearsed["argv"] == ["main.py"]
    assert rehearsed["names"] == ["text"]
