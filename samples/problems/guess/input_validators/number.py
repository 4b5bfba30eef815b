"""Accepts a line with one number from 1 to 1000."""

import re
import sys

line = sys.stdin.read()
sys.exit(42 if re.fullmatch(r"[1-9][0-9]{0,3}\n", line) and int(line) <= 1000 else 43)
