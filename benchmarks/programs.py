"""The programs that are sent to the executor, and the bare commands that run the same ones.

Each source prints a number that it holds. So a new number makes a program that no cache knows, even one that ignores
comments, and an answer that no cache can hold.
"""

import itertools
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.cpu_meter import cpu_of_children
from executor import languages

_NUMBER: Final = "NUMBER"
_PATIENCE_SECONDS: Final = 120.0
_ENVIRONMENT: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
_VALUES: Final = [place * 7919 % 10007 for place in range(1000)]
_LINES: Final = "".join(f"{value}\n" for value in _VALUES)
_WEIGHTED: Final = f"{sum(place * value for place, value in enumerate(sorted(_VALUES)))} {_NUMBER}\n"
_HELLO: Final = f"Hello, world! {_NUMBER}\n"


@dataclass(frozen=True, slots=True)
class Program:
    """A program. `bare` are the commands that compile and run `file` in its folder; `{gcc}` is the path of a tool."""

    language: str
    name: str
    file: str
    bare: tuple[tuple[str, ...], ...]
    template: str
    answer: str = _HELLO
    input: str = ""

    def source(self, number: int) -> str:
        return self.template.replace(_NUMBER, str(number))

    def expected(self, number: int) -> str:
        return self.answer.replace(_NUMBER, str(number))


@dataclass(frozen=True, slots=True)
class BareRun:
    """The seconds that all commands took, and the CPU seconds of the last one, which is the program itself."""

    seconds: float
    own_cpu_s: float


def run_bare(program: Program, number: int, tools: Mapping[str, str], folder: Path) -> BareRun:
    """Run the bare commands. Raise `RuntimeError` if they do not print the answer."""
    (folder / program.file).write_text(program.source(number))
    started = time.perf_counter()
    for command in program.bare:
        cpu_before = cpu_of_children()
        argv = [part.format(**tools) for part in command]
        done = subprocess.run(
            argv,
            cwd=folder,
            env=_ENVIRONMENT,
            input=program.input.encode(),
            capture_output=True,
            check=False,
            timeout=_PATIENCE_SECONDS,
            start_new_session=True,  # like the executor's: sessions may compete for processors (sched(7))
        )
    run = BareRun(time.perf_counter() - started, cpu_of_children() - cpu_before)
    if done.stdout.decode() != program.expected(number):
        raise RuntimeError(f"{program.language}, {program.name}: {argv} printed {done.stdout!r} {done.stderr[:500]!r}")
    return run


def numbers() -> Iterator[int]:
    """Yield numbers that differ even between processes. A double holds them exactly, as JavaScript needs."""
    return itertools.count(time.time_ns() // 1000)


def toolchains() -> dict[str, dict[str, str]]:
    """Return the tools that the executor uses, by each language of `HELLO` that this machine has."""
    known = languages.known()
    found = {code: known[code].toolchain() for code in HELLO}
    return {code: tools for code, tools in found.items() if tools is not None}


#: By language, the file's name and the bare commands.
BARE: Final = {
    "py": ("f.py", (("{python}", "f.py"),)),
    "js": ("f.js", (("{node}", "f.js"),)),
    "c": ("f.c", (("{gcc}", "f.c"), ("./a.out",))),
    "cpp": ("f.cpp", (("{gxx}", "f.cpp"), ("./a.out",))),
    "java": ("F.java", (("{java}", "F.java"),)),
}


def _program(language: str, name: str, template: str, answer: str = _HELLO, lines: str = "") -> Program:
    return Program(language, name, *BARE[language], template, answer, lines)


def _sorting(language: str, name: str, template: str) -> Program:
    return _program(language, name, template, _WEIGHTED, _LINES)


HELLO: Final = {
    program.language: program
    for program in (
        _program("py", "hello-world", 'print("Hello, world!", NUMBER)\n'),
        _program("js", "hello-world", 'console.log("Hello, world!", NUMBER)\n'),
        _program(
            "c", "hello-world", '#include <stdio.h>\nint main(void) { printf("Hello, world! %lld\\n", NUMBERLL); }\n'
        ),
        _program(
            "cpp",
            "hello-world, bits/stdc++.h",
            '#include <bits/stdc++.h>\nint main() { std::cout << "Hello, world! " << NUMBERLL << "\\n"; }\n',
        ),
        _program(
            "java",
            "hello-world",
            "public class F {\n"
            '  public static void main(String[] args) { System.out.println("Hello, world! " + NUMBERL); }\n'
            "}\n",
        ),
    )
}

_SORT_CPP: Final = """
int main() {
  std::vector<long long> values;
  for (long long value; std::cin >> value;) values.push_back(value);
  std::sort(values.begin(), values.end());
  long long sum = 0;
  for (std::size_t place = 0; place < values.size(); ++place) sum += (long long)place * values[place];
  std::cout << sum << " " << NUMBERLL << "\\n";
}
"""

#: Other programs than hello-world: they read a thousand lines, or import common modules.
OTHERS: Final = (
    _sorting(
        "py",
        "sort 1000 lines",
        "import sys\n"
        "values = sorted(int(line) for line in sys.stdin)\n"
        "print(sum(place * value for place, value in enumerate(values)), NUMBER)\n",
    ),
    _program(
        "py",
        "12 imports",
        "import collections, dataclasses, datetime, functools, heapq, itertools\n"
        "import json, math, random, re, string, typing\n"
        'print("Hello, world!", json.loads("NUMBER"))\n',
    ),
    _sorting(
        "js",
        "sort 1000 lines",
        "const lines = require('fs').readFileSync(0, 'utf8').trim().split('\\n')\n"
        "const values = lines.map(Number).sort((one, other) => one - other)\n"
        "console.log(values.reduce((sum, value, place) => sum + place * value, 0), NUMBER)\n",
    ),
    _sorting(
        "c",
        "sort 1000 lines",
        "#include <math.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
        "static int compare(const void *one, const void *other) {\n"
        "  return *(const int *)one - *(const int *)other;\n}\n"
        "int main(void) {\n"
        "  int values[1000], count = 0;\n"
        '  while (count < 1000 && scanf("%d", &values[count]) == 1) count++;\n'
        "  qsort(values, count, sizeof *values, compare);\n"
        "  long long sum = 0;\n"
        "  for (int place = 0; place < count; place++) sum += (long long)place * values[place];\n"
        '  printf("%lld %lld\\n", sum, NUMBERLL);\n}\n',
    ),
    _sorting("cpp", "sort 1000 lines, bits/stdc++.h", f"#include <bits/stdc++.h>\n{_SORT_CPP}"),
    _sorting(
        "cpp",
        "sort 1000 lines, iostream",
        f"#include <algorithm>\n#include <iostream>\n#include <vector>\n{_SORT_CPP}",
    ),
    _sorting(
        "java",
        "sort 1000 lines",
        "import java.io.*;\nimport java.util.*;\nimport java.util.stream.*;\n"
        "public class F {\n"
        "  public static void main(String[] args) {\n"
        "    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));\n"
        "    List<Long> values = in.lines().map(Long::valueOf).sorted().collect(Collectors.toList());\n"
        "    long sum = 0;\n"
        "    for (int place = 0; place < values.size(); place++) sum += place * values.get(place);\n"
        '    System.out.println(sum + " " + NUMBERL);\n'
        "  }\n}\n",
    ),
)
