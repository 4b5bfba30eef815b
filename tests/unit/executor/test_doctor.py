"""The texts that the doctor prints."""

import io

from rich.console import Console

from executor.doctor.__main__ import Broken, Report, show


def test_the_doctor_names_what_does_not_work() -> None:
    report = Report(
        True, "user 12345", "/opt/[b]/bwrap", [],
        broken=[Broken("lua", "Lua", "liblua.so:\n cannot open [it]")],
        libraries={"Python": ["numpy 2.5.5", "six 1"]},
        broken_libraries={"pandas": "Traceback:\n  ImportError: no tz"},
    )  # fmt: skip
    printed = io.StringIO()
    show(report, Console(file=printed, force_terminal=True, no_color=True, width=60))
    shown = printed.getvalue()
    assert "Runs as user 12345; bubblewrap: /opt/[b]/bwrap.\n" in shown
    assert "Lua is installed and does not work: liblua.so: cannot open [it]\n" in shown
    assert "Libraries of Python: numpy 2.5.5, six 1.\n" in shown
    assert "pandas is installed, and programs cannot import it: Traceback: ImportError: no tz\n" in shown
