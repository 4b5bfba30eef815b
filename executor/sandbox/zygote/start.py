"""The main file of the zygote's Python, and so the lowest frame of every Python program that it forks.

In the wall it is a separate file next to the archive, which contains the rest.
"""

import sys

sys.path.insert(0, "/box/keeper.pyz")

from executor.sandbox.zygote import python

program = python.serve()
try:
    exec(program.code(), program.names)  # noqa: S102
except BaseException as exc:
    program.raised = exc
program.end()
