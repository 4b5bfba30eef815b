"""Marks a class: `python mark_folder.py PROGRAMS TESTS`, where TESTS has 1.in, 1.out, 2.in, 2.out, and so on."""

import sys
from pathlib import Path

from precieux_client import Client, PrecieuxError, TestCase

if len(sys.argv) != 3:
    sys.exit(__doc__)
programs, tests = map(Path, sys.argv[1:])
files = sorted(programs.glob("*.py"))
try:
    cases = [TestCase(path.read_text(), path.with_suffix(".out").read_text()) for path in sorted(tests.glob("*.in"))]
    if not files or not cases:
        sys.exit(f"{programs} needs files such as student1.py, and {tests} files such as 1.in and 1.out.")
    with Client() as client:
        batch = client.create_batch(
            {"language": "py", "source": file.read_text(), "tests": cases, "metadata": {"file": file.name}}
            for file in files
        )
        for number, file in zip(client.wait_for_batch(batch.id).submissions, files, strict=True):
            run = client.get(number).run
            marks = f"{run.points_awarded or 0:g} of {run.points:g} points, {run.verdict}" if run else "no result"
            print(f"{file.name:20} {marks}")
except (OSError, PrecieuxError) as error:
    sys.exit(f"{error}\nPRECIEUX_URL is the server's address, and PRECIEUX_API_KEY your key.")
