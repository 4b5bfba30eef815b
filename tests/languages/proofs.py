"""The programs that prove each language, as data: `programs/<code>.toml` has one for each kind.

If a language cannot have a program of some kind, its table `cannot` says why.
"""

import tomllib
from pathlib import Path
from typing import Final

from shared.engine_api.languages import ALIASES

_PROGRAMS: Final = Path(__file__).parent / "programs"

#: Kind -> the input of the program. Each program runs in the sandbox and by the bare tool.
INPUTS: Final = {
    "hello": "",
    "sum": "1\n2\n3\n",
    "echo": "one two\n\nçé 漢 last\n",
    "exit": "",
    "error": "",
    "output": "",
    "unicode": "",
}
#: Kind -> the beginning of the program's output.
OUTPUTS: Final = {"hello": "Hello, world!\n", "sum": "6\n", "echo": INPUTS["echo"], "unicode": "Grüße, 世界"}
#: Kinds that run only in the sandbox. `shell` runs `attack.sh`, `memory` takes all memory, and `loop` does not end.
ATTACKS: Final = ("shell", "memory", "loop")

#: The scripts that `shell` runs. They write ESCAPED if they were not stopped, and HELD at their end.
SCRIPTS: Final = {
    "network": """\
bash -c 'exec 3<>/dev/tcp/127.0.0.1/@PORT@' 2>/dev/null && echo ESCAPED to the host
bash -c 'exec 3<>/dev/tcp/192.0.2.1/80' 2>/dev/null && echo ESCAPED to the network
echo HELD
""",
    "files": """\
for path in '@SECRET@' /root /home /var/lib /etc/shadow /etc/machine-id; do
    [ -e "$path" ] && echo "ESCAPED: $path can be seen"
done
for folder in / /etc /usr /usr/bin /var /proc/sys/kernel; do
    (echo x >"$folder/written") 2>/dev/null && echo "ESCAPED: $folder can be written"
done
echo HELD
""",
    "fork_bomb": """\
bomb() { bomb | bomb & }
bomb 2>/dev/null
while true; do sleep 1; done
""",
}


def load() -> dict[str, dict[str, str]]:
    """Return the programs of each language by their kinds. Raises `ValueError` if one is missing without a reason."""
    return {code: _load(code) for code in ALIASES}


def _load(code: str) -> dict[str, str]:
    table = tomllib.loads((_PROGRAMS / f"{code}.toml").read_text())
    if other := table.get("same_as"):
        return _load(other)
    cannot = table.pop("cannot", {})
    if {*table, *cannot} != {*INPUTS, *ATTACKS} or table.keys() & cannot.keys():
        raise ValueError(f"{code}.toml: its programs and `cannot` must name each kind once")
    return table
