"""Accepts a line with one number from 2 to 10^18."""

import re
import sys

line = sys.stdin.read()
is_number = re.fullmatch(r"[1-9][0-9]{0,18}\n", line)
sys.exit(42 if is_number and 2 <= int(line) <= 10**18 else 43)
