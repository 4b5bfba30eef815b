"""Raises the limit of open files of the executor and of the keeper."""

import contextlib
import resource

#: Enough for thousands of programs, which take six each. Some programs close every possible descriptor one by one, so
#: the children of the executor should not inherit a limit of a billion.
_MAX = 65536


def raise_file_limit() -> None:
    """Raise the limit to 65536, or to the hard limit if that is lower. A shell's default limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, _MAX)
    if soft >= wanted:
        return
    # A hard limit above the kernel's own (fs.nr_open) is refused even unchanged, and may only be lowered.
    for new_hard in (hard, wanted):
        with contextlib.suppress(ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, new_hard))
            return
