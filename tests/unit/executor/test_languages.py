"""The languages' files are complete, and each has names."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from executor import verdict
from executor.languages import known, read_definitions
from executor.languages.base import LanguageDefinition, command
from executor.sandbox.base import StepResult
from shared.common.service.errors import ConfigurationError
from shared.engine_api.codex import Verdict

_ROOT = Path(__file__).parents[3]
_BASH = (_ROOT / "shared/engine_api/languages/definitions/bash.toml").read_text()


def _commands(language: LanguageDefinition) -> Iterator[tuple[str, ...]]:
    """Yield every command of the language."""
    compile_, warm = language.compile, language.run.warm
    headers = compile_.headers if compile_ else None
    commands = [
        language.run.command,
        language.version_command,
        language.source_file.reserved,
        warm.command if warm else (),
    ]
    commands += [compile_.command, compile_.shared] if compile_ else []
    commands += [headers.command, headers.plugin.command if headers.plugin else ()] if headers else []
    commands += [language.prebuilt.command] if language.prebuilt else []
    return filter(None, commands)


@pytest.mark.parametrize(
    ("code", "text", "fault"),
    [
        ("bash", f"{_BASH}run.comand = []", "`run.comand`: Unexpected keyword argument."),
        ("bash", _BASH.replace('["{bash}"', '[5, "{bash}"'), "`run.command.0`: Input should be a valid string."),
        ("bash", _BASH.replace("tools", "# "), "`tools`: Field required."),
        ("bash", f"{_BASH}run.command = []", "Cannot overwrite a value"),
        ("nosuch", _BASH.replace("title", "# "), "`title`: Field required."),
        ("bash", f"{_BASH}package.cde = 'bash'", "Cannot mutate immutable namespace"),
        ("bash", f"{_BASH}other.cde = 'bash'", "`other`: Unexpected keyword argument."),
    ],
)
def test_a_wrong_definition_is_told_by_its_file_and_its_key(tmp_path: Path, code: str, text: str, fault: str) -> None:
    file = tmp_path / f"{code}.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as error:
        read_definitions(tmp_path)
    assert str(error.value).startswith(f"{file}: {fault}")


def test_an_unknown_name_in_a_command_is_told() -> None:
    with pytest.raises(ConfigurationError, match="wrong name in braces, 'sauce': "):
        command(("{bash}", "{sauce}"), {"bash": "/bin/bash"})


def test_the_documents_count_the_languages() -> None:
    for name in ("CHANGELOG.md", "docs/executor.md"):
        assert set(re.findall(r"\b(\d+)\s+languages\b", (_ROOT / name).read_text())) == {str(len(known()))}


def test_the_readme_counts_the_languages_of_the_full_image() -> None:
    """Its counts are those of the table in the page for those who submit."""
    rows = re.findall(r"^\| .* \| `.*` \| .* \| (.*) \|$", (_ROOT / "docs/submitting.md").read_text(), re.MULTILINE)
    readme = " ".join((_ROOT / "README.md").read_text().split())
    assert f"runs {sum('`-full`' in row for row in rows)} languages" in readme
    assert f"The default image has {sum('`precieux-executor`' in row for row in rows)}." in readme


def test_clojures_report_tells_of_exhausted_memory() -> None:
    """Clojure names the class of what was thrown in brackets, and Java's whole name only in a file."""
    clojure, java = known()["clj"].run.out_of_memory, known()["java"].run.out_of_memory
    report = b"Execution error (OutOfMemoryError) at user/eval1 (m.clj:1).\nJava heap space\n\nFull report at:\n/x.edn"
    result = StepResult(1, stderr=report)
    assert verdict.of_run(result, clojure) is Verdict.MEMORY_LIMIT
    assert verdict.of_run(result, java) is Verdict.RUNTIME_ERROR


def test_commands_use_only_known_names() -> None:
    for language in known().values():
        options = language.compile.options if language.compile else {}
        words = dict.fromkeys((*language.tools, *options, "source", "stem", "main", "memory_mib", "headers"), "x")
        words |= dict.fromkeys(
            ("preload", "runtime", "plugin", "include", "companions", "args", "any_name", "interpreter_args"), "x"
        )
        words |= dict.fromkeys(language.libraries.words, "x")
        words["output"] = "main"
        for parts in _commands(language):
            assert parts[0].format(**words) in ("x", "/box/work/main", "/bin/sh")
            assert all(part.format(**words) for part in parts)
        for paths in language.tools.values():
            assert all(path.startswith("/") for path in paths)
