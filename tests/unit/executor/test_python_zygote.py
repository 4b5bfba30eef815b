"""A zygote that has imported libraries serves only if a fork of it is a whole process."""

import subprocess
import sys

import pytest

_THREAD = "import threading; threading.Thread(target={target}, daemon=True).start(); "
_CHECK = "from executor.sandbox.zygote import python; python._THREADS_END_S = 0.1; python._end_threads()"


@pytest.mark.parametrize(
    ("target", "serves"),
    [("threading.Event().wait", False), ("lambda: None", True), ("lambda: threading.Event().wait(0.05)", True)],
)
def test_a_zygote_with_threads_does_not_serve(target: str, serves: bool) -> None:
    program = _THREAD.format(target=target) + _CHECK
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is serves
    assert ("RuntimeError: a library has left a thread" in done.stderr) is not serves
