"""Marks a class: `python mark_folder.py PROGRAMS TESTS`, where TESTS has 1.in, 1.out, 2.in, 2.out, and so on."""

import sys
from pathlib import Path

from precieux_client import Client, TestCase

programs, tests = map(Path, sys.argv[1:])
cases = [TestCase(path.read_text(), path.with_suffix(".out").read_text()) for path in sorted(tests.glob("*.in"))]
with Client() as client:
    files = sorted(programs.glob("*.py"))
    batch = client.create_batch(
        {"language": "py", "source": file.read_text(), "tests": cases, "metadata": {"file": file.name}}
        for file in files
    )
    for number, file in zip(client.wait_for_batch(batch.id).submissions, files, strict=True):
        run = client.get(number).run
        print(f"{file.name:20} {run.points_awarded:g} of {run.points:g} points, {run.verdict}" if run else file.name)
