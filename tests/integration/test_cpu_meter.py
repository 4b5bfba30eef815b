"""The benchmarks' CPU meter on this kernel: it counts orphans, and none of our own time."""

import subprocess
import sys
import time

import pytest

from benchmarks.cpu_meter import CgroupMeter, TreeMeter, cpu_meter, cpu_of_children

pytestmark = pytest.mark.integration

_BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"
#: Forks, and ends at once; the child keeps computing, and another process reaps it.
_ORPHAN = f"import os\nif os.fork(): os._exit(0)\n{_BURN}print('done')\n"


def burn(program: str, seconds: float) -> None:
    """Run it, and return when its last process has closed the standard output."""
    subprocess.run([sys.executable, "-c", program.format(seconds=seconds)], check=True, stdout=subprocess.PIPE)


def test_orphans_are_counted_and_the_test_is_not() -> None:
    with cpu_meter() as meter:
        if not isinstance(meter, CgroupMeter):
            pytest.skip("no cgroup can be made here")
        waited = cpu_of_children()
        with meter.counted():
            burn(_ORPHAN, 0.5)
        spent = meter.seconds()
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass

        assert cpu_of_children() - waited < 0.4  # it missed the orphan
        assert spent >= 0.5
        assert meter.seconds() - spent < 0.1


def test_the_meter_agrees_with_the_kernel_on_reaped_children() -> None:
    with cpu_meter() as meter:
        if not isinstance(meter, CgroupMeter):
            pytest.skip("no cgroup can be made here")
        with meter.counted():
            counted, waited = meter.seconds(), cpu_of_children()
            burn(_BURN, 0.5)
            counted, waited = meter.seconds() - counted, cpu_of_children() - waited

        assert counted == pytest.approx(waited, abs=0.1)


def test_without_a_cgroup_live_processes_are_counted() -> None:
    meter = TreeMeter()
    burn_in_a_child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {_BURN.format(seconds=0.3)!r}])\n"
    before = meter.seconds()
    with subprocess.Popen(
        [sys.executable, "-c", f"{burn_in_a_child}print('done', flush=True)\ninput()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout
        child.stdout.readline()

        assert meter.seconds() - before >= 0.28  # in ticks, each rounded down

        child.communicate(b"\n")
