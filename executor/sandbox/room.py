"""Tells whether a box can take a job: whether its disk has room for the files, and one packet for the words. Pure."""

import mmap
from itertools import accumulate, chain

from executor.sandbox.base import Job, StepResult
from executor.sandbox.keeper.protocol import MAX_PACKET

#: Bytes of the disk for each inode, the fewest inodes (init/mounts.c), and those of the box's own folders.
_BYTES_PER_INODE, _FEWEST_INODES, _OWN_INODES = 4096, 1024, 16
#: Bytes of a packet for each file beside its name, and for all but names, arguments and variables.
_FILE_BYTES, _OTHER_BYTES = 32, 4096


def refused(job: Job) -> StepResult | None:
    """Return how a job ends that no box can take, with its judge; None if a box can take both."""
    judge = (refused(job.judge.job) or StepResult(min(job.judge.accepting, default=0))) if job.judge else None
    fault = fault_of(job).encode()
    if not fault and not (judge and judge.stdout + judge.stderr):
        return None
    stdout, stderr = (fault, b"") if job.step.merge_output else (b"", fault)
    # As of what cannot be executed (POSIX, Shell Command Language, 2.8.2). No judge's protocol knows this exit code.
    return StepResult(126 if fault else 0, stdout=stdout, stderr=stderr, judge=judge)


def fault_of(job: Job) -> str:
    """Return a sentence on why no box can take the job; "" if one can."""
    files, disk_bytes, step = job.all_files, job.template.disk_bytes, job.step
    folders = {folder for name in files for folder in accumulate(name.split("/")[:-1], "{}/{}".format)}
    if clash := min(folders & files.keys(), default=None):
        return f"There is a file or link in place of the folder {clash!r}."
    pages = sum(-(-len(file.content) // mmap.PAGESIZE) for file in files.values())
    if pages * mmap.PAGESIZE > disk_bytes:
        return f"The files are over {disk_bytes >> 20} MiB, in whole blocks of {mmap.PAGESIZE} bytes."
    inodes = len(folders | {name.removesuffix("/") for name in files})
    if inodes > max(disk_bytes // _BYTES_PER_INODE, _FEWEST_INODES) - _OWN_INODES:
        return "The files and folders are too many."
    words = chain(files, step.argv, *step.environment.items(), job.out_limits.paths if job.out_limits else ())
    taken = sum(len(word.encode(errors="replace")) + 1 for word in words) + _FILE_BYTES * len(files)
    if taken > MAX_PACKET - _OTHER_BYTES:
        return "The names of the files, the arguments and the variables are too long together."
    return ""
