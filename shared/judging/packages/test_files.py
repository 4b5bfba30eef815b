"""Says what is wrong with the files of unit tests, for a package and for a submission. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from shared.engine_api.unit_tests import FRAMEWORK_LANGUAGES, UnitTestFramework, find_test_files

#: The names of test files, by the codes of their languages.
_NAMES: Final = {
    "py": "`test_*.py` and `*_test.py`",
    "java": "`*Test.java`, `*Tests.java` and `Test*.java`",
    "js": "`*.test.js` and `test-*.js`, also with `mjs` or `cjs`",
}


def faults_of_test_files(framework: UnitTestFramework, files: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Yield the path and the sentence of each fault of test files; "" stands for all files.

    Others may be data, or an empty `__init__.py`.
    """
    tests = find_test_files(framework, [*files])
    if not tests:
        yield "", f"None of the files is a test file: {framework} finds {_NAMES[FRAMEWORK_LANGUAGES[framework]]}."
    for path in tests:
        if not files[path].strip():
            yield path, "The file is empty; send the tests."
        elif "\0" in (text := files[path].decode(errors="replace")) or text.encode() != files[path]:
            yield path, "The file is not UTF-8; save it as UTF-8, and send it again."
