"""The texts that the doctor prints."""

import io
from pathlib import Path

from rich.console import Console

from executor.doctor.__main__ import Broken, DoctorReport, _row, show
from executor.doctor.probes import ProbeResult
from executor.doctor.remedies import Facts
from executor.sandbox.wall.cgroups import Cause, NotTaken
from executor.sandbox.wall.mechanisms import Mechanisms


def test_the_doctor_names_what_does_not_work() -> None:
    report = DoctorReport(
        True, "user 12345", "/opt/[b]/bwrap", [],
        broken=[Broken("lua", "Lua", "liblua.so:\n cannot open [it]")],
        libraries={"Python": ["numpy 2.5.5", "six 1"]},
        broken_libraries={"pandas": "Traceback:\n  ImportError: no tz"},
        missing_frameworks=["Unit tests in Java need JUnit: install it."],
    )  # fmt: skip
    printed = io.StringIO()
    show(report, Console(file=printed, force_terminal=True, no_color=True, width=60))
    shown = printed.getvalue()
    assert "Runs as user 12345; bubblewrap: /opt/[b]/bwrap.\n" in shown
    assert "Lua is installed and does not work: liblua.so: cannot open [it]\n" in shown
    assert "Libraries of Python: numpy 2.5.5, six 1.\n" in shown
    assert "pandas is installed, and programs cannot import it: Traceback: ImportError: no tz\n" in shown
    assert "Unit tests in Java need JUnit: install it.\n" in shown


def test_the_doctor_says_why_limits_are_sampled() -> None:
    why = NotTaken(Cause.NOT_DELEGATED, "it is systemd's")
    mechanisms = Mechanisms(Path("/bwrap"), privileged=False, first_user=None, cgroups=None, why_sampled=why)
    row = _row(ProbeResult("memory is limited", "sampling", False, True, better_by_cgroup=True), mechanisms, Facts())
    assert row.mechanism == "sampling"
    assert row.remedy.startswith("Sampled, so a moment late (it is systemd's). Start with `systemd-run --user")
