"""`python -m tests.tuned_executor NAME=VALUE ...`: the executor with what no variable sets (`Tuning`).

An empty value counts as unset, as in variables.
"""

import sys
from dataclasses import asdict

from pydantic import TypeAdapter

from executor.__main__ import main
from executor.settings import Tuning

if __name__ == "__main__":
    words = (word.split("=", 1) for word in sys.argv[1:])
    given = {name: value for name, value in words if value}
    sys.exit(main(**asdict(TypeAdapter(Tuning).validate_python(given))))
