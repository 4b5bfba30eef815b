"""Collects what is wrong with a package, so that its author reads all of it at once. Pure."""

from collections.abc import Collection
from itertools import chain
from typing import Final

from shared.common.text.strip_nul import strip_nul
from shared.judging.packages.model import PackageFault

#: The most faults, and the most warnings, that are listed.
_MAX: Final = 100
#: The most warnings of the same sentence that are listed, each with its path.
_MAX_EQUAL: Final = 3
#: Characters of a path and of a sentence. Both may quote the package.
_MAX_PATH: Final = 300
_MAX_DETAIL: Final = 500


class PackageError(ValueError):
    """A package cannot be used. `faults` says why, and `warnings` what else is strange."""

    def __init__(self, faults: list[PackageFault], warnings: list[PackageFault]) -> None:
        super().__init__(f"{len(faults)} faults, the first: {faults[0].path}: {faults[0].detail}")
        self.faults = faults
        self.warnings = warnings


class FaultList:
    """The faults and warnings of a package that is being read."""

    def __init__(self) -> None:
        self._faults: dict[PackageFault, None] = {}
        self._warnings: dict[PackageFault, None] = {}

    def add(self, path: str, detail: str) -> None:
        """Note a fault. Nothing is raised before `check`."""
        self._faults[_fault(path, detail)] = None

    def warn(self, path: str, detail: str) -> None:
        """Note what does not hinder."""
        self._warnings[_fault(path, detail)] = None

    def check(self) -> None:
        """Raise `PackageError` if there is a fault."""
        if self._faults:
            raise PackageError(_first(self._faults), self.warnings())

    def fail(self, path: str, detail: str) -> "PackageError":
        """Return the error to raise for a fault after which nothing more can be read."""
        self.add(path, detail)
        return PackageError(_first(self._faults), self.warnings())

    def warnings(self) -> list[PackageFault]:
        """Return the warnings. Many of the same sentence become one, which says how many files have it."""
        equal: dict[str, list[PackageFault]] = {}
        for warning in self._warnings:
            equal.setdefault(warning.detail, []).append(warning)
        for detail, warnings in equal.items():
            if (more := len(warnings) - 1) >= _MAX_EQUAL:
                equal[detail] = [_fault(warnings[0].path, f"{detail} The same is true of {more} more files.")]
        return _first(list(chain.from_iterable(equal.values())))


def _fault(path: str, detail: str) -> PackageFault:
    return PackageFault(strip_nul(path[:_MAX_PATH]), strip_nul(detail[:_MAX_DETAIL]))


def _first(faults: Collection[PackageFault]) -> list[PackageFault]:
    """Return the first of them, and one that says how many more there are."""
    listed = list(faults)[:_MAX]
    more = len(faults) - len(listed)
    return [*listed, PackageFault("", f"There are {more} more.")] if more else listed
