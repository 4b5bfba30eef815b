"""The options of unit tests, and their results as JUnit XML."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from xml.etree import ElementTree

import typer

from precieux.errors import UsageError
from precieux.host import files
from precieux_client import Client, Submission, UnitTests, read_folder
from shared.common.text.control_characters import replace_controls

#: Folders that tools write beside tests.
_CACHES: Final = frozenset({"__pycache__", "node_modules"})
JUnitXml = Annotated[Path | None, typer.Option("--junit-xml", help="Write the results of tests into this file.")]


@dataclass(frozen=True, slots=True)
class UnitTestOptions:
    """Unit tests that call a program, and what goes with them."""

    unit_tests: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="A file or folder of unit tests; may be repeated."),
    ] = None
    framework: Annotated[str | None, typer.Option(help="What runs them. Default: pytest, or that of the language.")] = (
        None
    )
    module: Annotated[str | None, typer.Option(help="The name by which they import the program.")] = None
    shared: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="A file or folder for the program's folder; may be repeated."),
    ] = None
    hidden_tests: Annotated[
        bool, typer.Option("--hidden-tests", help="Hide the names and texts of tests that say nothing themselves.")
    ] = False

    def suite(self) -> UnitTests | None:
        """Return the unit tests. Raises `UsageError`."""
        if not self.unit_tests:
            if self.framework or self.module or self.shared or self.hidden_tests:
                raise UsageError("--framework, --module, --shared and --hidden-tests need --unit-tests.")
            return None
        keys: dict[str, Any] = {"framework": self.framework, "module": self.module}
        return UnitTests(
            **keys,
            files=_read(self.unit_tests),
            shared_files=_read(self.shared) if self.shared else None,
            visibility="hidden" if self.hidden_tests else None,
        )


def _read(paths: Iterable[Path]) -> dict[str, bytes]:
    """Return the files at these paths, and those in folders by their paths inside. Raises `UsageError`."""
    files_read: dict[str, bytes] = {}
    for path in paths:
        inside = read_folder(path) if path.is_dir() else {path.name: files.read(path)}
        for name, data in inside.items():
            if not _CACHES.isdisjoint(name.split("/")):
                continue
            if name in files_read:
                raise UsageError(f"Two files are named {name}: put the files into a folder, and give that.")
            files_read[name] = data
    return files_read


def write_junit(client: Client, submissions: Sequence[Submission], names: Sequence[str], path: Path | None) -> None:
    """Write the tests of submissions into a file, a suite for each. Submissions without a run are left out."""
    if path is None:
        return
    whole = ElementTree.Element("testsuites")
    for submission, name in zip(submissions, names, strict=True):
        if submission.run is not None:
            [suite] = ElementTree.fromstring(client.junit(submission.id))  # noqa: S314  (our own server's)
            suite.set("name", replace_controls(name))
            whole.append(suite)
    for count in ("tests", "failures", "errors", "skipped"):
        whole.set(count, str(sum(int(suite.get(count, "0")) for suite in whole)))
    files.write(path, ElementTree.tostring(whole, encoding="utf-8", xml_declaration=True))
