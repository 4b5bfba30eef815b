"""The trusted process inside the wall that makes one box per run, starts programs in it and enforces their limits.

It runs on the system's Python with the standard library alone, because the wall contains no other package. It has one
thread, because it forks. The executor packs this folder into an archive (`wall/command.py`).
"""
