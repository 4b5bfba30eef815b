"""`python -m tests.caniemail FILE [FEATURE...]` takes the data of `caniemail.json`, as README.md describes."""

import sys
from pathlib import Path

from tests.caniemail import DATA, known, reduced

if __name__ == "__main__":
    DATA.write_text(reduced(Path(sys.argv[1]).read_text(), known() | {*sys.argv[2:]}))
