"""The first file of the zygote's Python, and of every Python program that it forks: under their frames is only this.

It lies in the wall as a file of its own, beside the archive that holds the rest.
"""

import sys

sys.path.insert(0, "/box/keeper.pyz")

from executor.sandbox.zygote import python

program = python.serve()
if program:
    try:
        exec(program.code(), program.names)  # noqa: S102
    except BaseException as exc:
        program.raised = exc
    program.end()
