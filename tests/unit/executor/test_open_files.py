"""The limit of open files of the executor and of the keeper."""

import resource

import pytest

from executor.sandbox.keeper.open_files import raise_file_limit

_NOFILE = resource.RLIMIT_NOFILE


@pytest.mark.parametrize(
    ("before", "nr_open", "after"),
    [
        ((1024, 4096), 1 << 20, (4096, 4096)),
        ((1024, 1 << 20), 1 << 20, (65536, 1 << 20)),
        ((1 << 19, 1 << 20), 1 << 20, (1 << 19, 1 << 20)),
        ((1024, 1 << 30), 1 << 20, (65536, 65536)),  # the kernel's own limit was lowered
        ((1024, 1 << 30), 2048, (1024, 1 << 30)),
    ],
)
def test_the_limit_of_open_files_is_that_of_the_kernel_or_65536(
    before: tuple[int, int], nr_open: int, after: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {_NOFILE: before}

    def setrlimit(kind: int, new: tuple[int, int]) -> None:
        if new[1] > nr_open:
            raise ValueError("not allowed to raise maximum limit")
        limits[kind] = new

    monkeypatch.setattr(resource, "getrlimit", limits.__getitem__)
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    raise_file_limit()
    assert limits[_NOFILE] == after
