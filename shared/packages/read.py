"""Reads a problem package from a zip, in any format."""

from typing import BinaryIO

from shared.packages.model import Package, PackageBounds


def read_package(file: BinaryIO, bounds: PackageBounds, *, name: str = "") -> Package:
    """Return the problem package in a zip. `name` names it if nothing in it does.

    Reads each entry once, in pieces. It takes seconds for a large package, so call it off the event loop. Raises
    `shared.packages.faults.PackageError` with everything that is wrong.
    """
    raise NotImplementedError
