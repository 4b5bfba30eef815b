"""The published clients of SandboxFusion against our front door: its SDK, and verl's reward function."""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.doors.conftest import KEY
from tests.fixtures.up import Up
from tests.fixtures.uv import environment_with, uv

pytestmark = pytest.mark.slow

_SDK: Final = """
import asyncio, json, sys
from sandbox_fusion import RunCodeRequest, RunJupyterRequest, run_code, run_code_async, run_jupyter, set_endpoint
set_endpoint(sys.argv[1] + "/")
ran = run_code(RunCodeRequest(code="print(input())", language="python", stdin="sdk"), max_attempts=1)
later = asyncio.run(run_code_async(RunCodeRequest(code="exit(3)", language="python"), max_attempts=1))
notebook = run_jupyter(RunJupyterRequest(cells=["a = 1", "a", "1 / 0"], kernel="python3"), max_attempts=1)
try:
    run_code(RunCodeRequest(code="", language="cuda"), max_attempts=1)
except Exception as exc:
    error = str(exc)
cells = [[cell.display, [one["ename"] for one in cell.error]] for cell in notebook.cells]
print(json.dumps([ran.status, ran.run_result.stdout, later.run_result.return_code, cells, error]))
"""
#: verl's own `__init__` would import PyTorch.
_VERL: Final = """
import importlib.util, json, sys, types
from pathlib import Path
root = Path(importlib.util.find_spec("verl").origin).parent
for name in ("verl", "verl.utils", "verl.utils.reward_score"):
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
from verl.utils.reward_score.sandbox_fusion import compute_score
from verl.utils.reward_score.sandbox_fusion.utils import check_correctness
url = sys.argv[1] + "/run_code"
cases = {"inputs": [f"{n} 1" for n in range(150)], "outputs": [str(n + 1) for n in range(149)] + ["no"]}
python = "a, b = map(int, input().split())\\nprint(a + b)"
cpp = "#include <iostream>\\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }"
few = {"inputs": cases["inputs"][:3], "outputs": cases["outputs"][:3]}
results = [
    check_correctness(url, cases, python, timeout=10, memory_limit_mb=1024)[0],
    check_correctness(url, few, cpp, timeout=10, language="cpp")[0],
    check_correctness(url, few, "int main() {", timeout=10, language="cpp")[0],
    check_correctness(url, few, "while True: pass", timeout=0.5)[0],
    check_correctness(url, few, "exit(1)", timeout=10)[0],
    compute_score(url, None, 1024, f"```python\\n{python}\\n```", json.dumps(few))[0],
]
print(json.dumps(results))
"""


def _output(python: Path, program: str, system: Up) -> Any:
    command = [str(python), "-c", program, f"{system.url}/sandboxfusion/{KEY}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_sdk_needs_only_an_endpoint(tmp_path: Path, fusion_system: Up) -> None:
    python = environment_with("sandbox-fusion==0.3.7", tmp_path / "sdk")
    status, stdout, code, cells, error = _output(python, _SDK, fusion_system)
    assert (status, stdout, code) == ("Success", "sdk\n", 3)
    assert cells == [[[], []], [[{"text/plain": "1"}], []], [[], ["ZeroDivisionError"]]]
    assert "cuda is not installed on this server." in error


def test_verl_scores_programs(tmp_path: Path, fusion_system: Up) -> None:
    python = environment_with("requests", tmp_path / "verl")
    uv("pip", "install", "--python", python, "--no-deps", "verl==0.9.1")
    many, cpp, broken, slow, failed, score = _output(python, _VERL, fusion_system)
    assert many == [True] * 149 + [False]
    assert (cpp, broken, slow, failed, score) == ([True] * 3, [-4] * 3, [-3] * 3, [-2] * 3, 1.0)
