"""Programs in C and C++ are compiled by the compiler's own defaults, so they end as after a bare `gcc` (ADR 17)."""

import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.languages import need_language
from tests.fixtures.run_call import codex

_BARE: Final = {"c": ("/usr/bin/gcc", "f.c", "-lm"), "cpp": ("/usr/bin/g++", "f.cpp")}
_PROGRAMS: Final = {
    # With `-O2` the first two end differently: SIGILL instead of SIGFPE, and exit code 0 instead of SIGABRT.
    ("c", "divides_by_zero"): '#include <stdio.h>\nint main(void) { int a = 5, b = 0; printf("%d\\n", a / b); }\n',
    ("c", "frees_twice"): "#include <stdio.h>\n#include <stdlib.h>\n"
    'int main(void) { char *p = malloc(16); free(p); free(p); puts("done"); }\n',
    ("c", "reads_nothing"): "#include <stddef.h>\nint main(void) { int *p = NULL; int x = *p; return 0; }\n",
    ("c", "recurses_for_ever"): "int f(int n) { return f(n + 1); }\nint main(void) { return f(0); }\n",
    ("c", "optimisation"): "#include <stdio.h>\nint main(void) {\n#ifdef __OPTIMIZE__\n"
    'puts("optimises");\n#endif\nprintf("%ld\\n", __STDC_VERSION__);\n}\n',
    ("c", "asks_to_be_optimised"): '#pragma GCC optimize("O2")\n#include <stdio.h>\nint main(void) {\n'
    '#ifdef __OPTIMIZE__\nputs("optimises");\n#endif\n}\n',
    ("cpp", "deletes_twice"): "int main() { int *p = new int; delete p; delete p; }\n",
    (
        "cpp",
        "text_of_cpp_17",
    ): '#include <iostream>\nint main() { std::string s = u8"text"; std::cout << s << "\\n"; }\n',
    ("cpp", "standard"): "#include <iostream>\nint main() { std::cout << __cplusplus << std::endl; }\n",
    ("cpp", "asks_to_be_optimised"): '#pragma GCC optimize("O2")\n#include <bits/stdc++.h>\n'
    "int main() { std::vector<int> v{3, 1, 2}; std::sort(v.begin(), v.end()); std::cout << v[0]\n"
    '#ifdef __OPTIMIZE__\n<< "optimised"\n#endif\n; }\n',
}


@pytest.mark.parametrize(
    ("language", "name"),
    [pytest.param(*each, marks=pytest.mark.slow if "<bits/" in source else ()) for each, source in _PROGRAMS.items()],
)
def test_a_program_ends_as_after_the_bare_command(language: str, name: str, executor_url: str, tmp_path: Path) -> None:
    compiler, *arguments = _BARE[language]
    need_language(language)
    source = _PROGRAMS[language, name]
    (tmp_path / f"f.{language}").write_text(source)
    subprocess.run([compiler, *arguments], cwd=tmp_path, check=True, capture_output=True)
    bare = subprocess.run([tmp_path / "a.out"], capture_output=True, text=True, check=False)
    answer = codex(executor_url, language, source)
    ended = -answer["signal"] if answer["signal"] else answer["exit_code"]
    assert (ended, answer["output"]) == (bare.returncode, bare.stdout)
    assert answer["verdict"] == ("ok" if bare.returncode == 0 else "runtime_error")
