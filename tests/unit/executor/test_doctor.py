"""The texts that the doctor prints."""

import io

from rich.console import Console

from executor.doctor.__main__ import Report, show


def test_brackets_of_a_path_are_printed() -> None:
    printed = Console(file=io.StringIO(), force_terminal=True, width=40)
    show(Report(True, "user 12345", "/opt/[b]/bwrap", [], "", ""), printed)
    assert isinstance(printed.file, io.StringIO)
    assert printed.file.getvalue().startswith("Runs as user 12345; bubblewrap: /opt/[b]/bwrap.\n")
