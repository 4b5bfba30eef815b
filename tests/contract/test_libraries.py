"""Programs import the operator's libraries, read-only, and slow ones stand ready."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from executor.languages import known
from executor.sandbox.base import find_python
from tests.fixtures.executor import RunningExecutor, running_executor
from tests.fixtures.gate import missing
from tests.fixtures.run_call import codex
from tests.waiting import eventually_sync

pytestmark = pytest.mark.timeout(600)

_FOUR = ("numpy", "pandas", "scipy", "matplotlib")
#: Prints whether the process was forked from a zygote that had imported the module.
_READY = """
import {name}
with open("/proc/self/cmdline") as file:
    words = file.read().split("\\0")
print("/box/zygote.py" in words and {name!r} in words)
"""


def run(executor: RunningExecutor, code: str, language: str = "py", **others: Any) -> dict[str, Any]:
    return codex(executor.url, language, code, **others)


def output(executor: RunningExecutor, code: str, **others: Any) -> str:
    answer = run(executor, code, **others)
    assert answer["verdict"] == "ok", answer
    assert answer["error"] == ""
    return str(answer["output"])


def libraries(executor: RunningExecutor) -> dict[str, str]:
    """Return the listed libraries of Python, with their versions."""
    rows = httpx.get(f"{executor.url}list", timeout=60).json()["supportedLanguages"]
    (python,) = (row for row in rows if row["language"] == "py")
    return {one["name"]: one["version"] for one in python["libraries"]}


def _write(folder: Path, name: str, text: str) -> None:
    about = folder / f"{name}-2.5.dist-info"
    about.mkdir(parents=True)
    (folder / f"{name}.py").write_text(text)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n")
    (about / "RECORD").write_text(f"{name}.py,,\n")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExecutor]:
    """An executor with a folder of three small packages, one of which is broken."""
    folder = tmp_path_factory.mktemp("packages")
    _write(folder, "good", "NAME = 'good'\n")
    _write(folder, "broken", "raise ValueError('it is broken')\n")
    _write(folder, "random", "raise ValueError('not the standard module')\n")
    # Only the sandbox keeps programs from writing here.
    folder.parent.chmod(0o755)
    for path in (folder, *folder.iterdir()):
        path.chmod(0o777)
    with running_executor(python_packages=str(folder), executor_slots="2") as running:
        yield running


def test_programs_import_a_library_and_cannot_change_it(small: RunningExecutor) -> None:
    shown = output(small, "import good\nprint(good.NAME, good.__file__)")
    assert shown.startswith("good /libraries/python/lib/python3")
    for change in ("open(good.__file__, 'a')", "os.mkdir(good.__file__ + 'x')", "os.remove(good.__file__)"):
        assert "Read-only file system" in run(small, f"import good, os\n{change}")["error"]


def test_libraries_that_cannot_be_imported_are_not_listed(small: RunningExecutor) -> None:
    """Python's own `random` is found first, so the package of that name does no harm."""
    assert libraries(small) == {"good": "2.5", "random": "2.5"}
    assert output(small, "import random\nprint(random.randint(1, 1))") == "1\n"
    assert "it is broken" in run(small, "import broken")["error"]


def test_a_source_does_not_replace_a_library(small: RunningExecutor) -> None:
    assert output(small, "import good\nprint(good.NAME, __file__)", filename="good.py") == "good /box/work/main.py\n"


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install NumPy, pandas, SciPy and Matplotlib, once for all workers. Return their folder.

    `PRECIEUX_TEST_LIBRARIES` names a folder that is kept between runs.
    """
    # The folder of this worker is in one that all share (pytest-xdist).
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    folder = Path(os.environ.get("PRECIEUX_TEST_LIBRARIES") or shared / "packages")
    shared.chmod(0o755)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            made = folder.with_name(f"{folder.name}.new")
            # The command of docs/how-to/let-programs-import-libraries.md.
            pip = ["pip", "--python", find_python(), "install", "--only-binary", ":all:", "--target", str(made), *_FOUR]
            if subprocess.run([sys.executable, "-m", *pip], umask=0o022).returncode:
                missing("an index of Python packages", "connect to a network.")
            made.rename(folder)
    return folder


@pytest.fixture(scope="module")
def cold(four: Path) -> Iterator[RunningExecutor]:
    with running_executor(warm_boxes="0", python_packages=str(four)) as running:
        yield running


@pytest.fixture(scope="module")
def warm(four: Path) -> Iterator[RunningExecutor]:
    with running_executor(executor_slots="2", python_packages=str(four)) as running:
        yield running


_FIGURE = """
import os
import matplotlib.pyplot as plt
plt.plot([1, 2, 3], [1, 4, 9], label="squares")
plt.title("Title")
plt.legend()
plt.savefig("figure.png")
data = open("figure.png", "rb").read()
print(data[:8], len(data) > 5000, os.listdir())
"""
_PROGRAMS = {
    "numpy": "import numpy as np\nprint(np.arange(12).reshape(3, 4) @ np.ones(4), np.random.default_rng(1).random())",
    "pandas": "import pandas as pd\nprint(pd.DataFrame({'a': [1, 2, 2], 'b': [3, 4, 5]}).groupby('a').sum())",
    "scipy.stats": "from scipy import stats\nprint(round(stats.norm.cdf(1.96), 4))",
    "matplotlib.pyplot": _FIGURE,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", _PROGRAMS)
def test_known_libraries_work_alike_cold_and_warm(name: str, cold: RunningExecutor, warm: RunningExecutor) -> None:
    expected = output(cold, _PROGRAMS[name])
    assert output(warm, _PROGRAMS[name]) == expected
    stand_ready(warm, name)
    assert output(warm, _PROGRAMS[name]) == expected


def stand_ready(executor: RunningExecutor, name: str) -> None:
    """Run programs that import the module until one finds it imported."""
    code = _READY.format(name=name)
    eventually_sync(lambda: output(executor, code) == "True\n", timeout=60)


@pytest.mark.slow
def test_programs_draw_different_random_numbers(warm: RunningExecutor) -> None:
    """NumPy seeds its global generator when it is imported, which the zygote does for many programs."""
    stand_ready(warm, "numpy")
    draws = "import numpy as np\nimport random\nprint(np.random.rand(), random.random())"
    outputs = [output(warm, draws).split() for _ in range(6)]
    for numbers in zip(*outputs, strict=True):
        assert len(set(numbers)) == len(outputs)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["cold", "warm"])
def test_blas_starts_no_threads(which: str, request: pytest.FixtureRequest) -> None:
    executor = request.getfixturevalue(which)
    computes = (
        "import numpy as np\nimport os\na = np.ones((600, 600))\n"
        "print((a @ a)[0, 0], np.linalg.solve(a + np.eye(600), a)[0, 0] > 0, len(os.listdir('/proc/self/task')))"
    )
    assert output(executor, computes) == "600.0 True 1\n"


@pytest.mark.slow
def test_a_program_may_use_processes_with_numpy(warm: RunningExecutor) -> None:
    stand_ready(warm, "numpy")
    forks = (
        "import numpy as np\nimport multiprocessing\n\ndef f(n):\n    return int((np.ones((n, n)) @ np.ones(n))[0])\n\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('fork').Pool(3) as pool:\n        print(pool.map(f, [10, 20, 30]))\n"
    )
    assert output(warm, forks) == "[10, 20, 30]\n"


@pytest.mark.slow
def test_the_memory_of_a_waiting_library_is_limited_too(warm: RunningExecutor) -> None:
    stand_ready(warm, "numpy")
    answer = run(warm, "import numpy as np\na = np.ones(300 << 17)\nprint(a.sum())", memory_limit=200 << 20)
    assert answer["verdict"] in ("memory_limit", "runtime_error"), answer


@pytest.fixture(scope="module")
def with_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExecutor]:
    """An executor with a folder of two small packages for Node, one of which is broken."""
    folder = tmp_path_factory.mktemp("node")
    for name, text in {"good": "exports.name = 'good'", "broken": "throw new Error('it is broken')"}.items():
        made = folder / "node_modules" / name
        made.mkdir(parents=True)
        (made / "index.js").write_text(text)
        (made / "package.json").write_text('{"version": "2.5.0", "main": "index.js"}')
    (folder / "package.json").write_text('{"dependencies": {"good": "2", "broken": "2"}}')
    for path in (folder.parent, folder):
        path.chmod(0o755)
    with running_executor(node_packages=str(folder), executor_slots="2") as running:
        yield running


_IMPORTS = ("const good = require('good'); ", "import good from 'good'; ")


@pytest.mark.slow
def test_node_programs_require_and_import_a_library(with_node: RunningExecutor) -> None:
    rows = httpx.get(f"{with_node.url}list", timeout=60).json()["supportedLanguages"]
    listed = {row["language"]: row["libraries"] for row in rows}
    assert listed["js"] == [{"name": "good", "version": "2.5.0"}]
    assert listed["bash"] == []
    for name, line in zip(("main.js", "main.mjs"), _IMPORTS, strict=True):
        for _ in range(3):  # cold, and forked
            found = output(with_node, f"{line}console.log(good.name)", language="js", filename=name)
            assert found == "good\n"
    broken = run(with_node, "require('broken')", language="js")
    assert "it is broken" in broken["error"]


_GREETING = 'package own;\npublic class Greeting {\n  public static String text() { return "good"; }\n}\n'
_GREETS = """
public class Main {
  public static void main(String[] args) {
    System.out.println(own.Greeting.text() + Main.class.getResource("/own/Greeting.class"));
  }
}
"""


@pytest.fixture(scope="module")
def with_jar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExecutor]:
    """An executor with a folder of one Java archive."""
    folder = tmp_path_factory.mktemp("java")
    (folder / "Greeting.java").write_text(_GREETING)
    (folder / "jars").mkdir()
    for words in (
        ["javac", "-d", "classes", "Greeting.java"],
        ["jar", "-c", "-f", "jars/own-2.5.jar", "-C", "classes", "."],
    ):
        subprocess.run(words, cwd=folder, check=True)
    for path in (folder.parent, folder):
        path.chmod(0o755)
    with running_executor(java_jars=str(folder / "jars"), executor_slots="2") as running:
        yield running


@pytest.mark.slow
@pytest.mark.skipif(not known()["java"].toolchain(), reason="there is no Java")
def test_java_programs_use_an_archive(with_jar: RunningExecutor) -> None:
    def greet(number: int, **others: Any) -> str:
        source = f"{_GREETS}// {number}\n"  # one that was not compiled before
        return output(with_jar, source, language="java", **others)

    expected = "goodjar:file:/jars/own-2.5.jar!/own/Greeting.class\n"
    assert greet(0, memory_limit=300 << 20) == expected  # cold
    answers = [greet(number) for number in range(1, 12)]  # then by javac that stays, and a machine that has started
    assert answers == [expected] * 11
