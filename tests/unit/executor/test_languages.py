"""The languages' files: complete, and known by name."""

from executor.languages import known
from shared.languages import ALIASES


def test_every_language_has_names_and_every_name_a_language() -> None:
    assert set(known()) == set(ALIASES)


def test_commands_name_only_what_is_known() -> None:
    for language in known().values():
        words = dict.fromkeys((*language.tools, *language.options, "source", "main", "memory_mib", "headers"), "x")
        words |= dict.fromkeys(("preload", "runtime", "plugin"), "x")
        for command in (
            language.run,
            language.version,
            language.compile or language.run,
            language.precompile or language.run,
            language.compiler or language.run,
            language.stub.run if language.stub else language.run,
            *(making.command for making in (*language.makings, language.plugin) if making),
        ):
            assert command[0].format(**words) in ("x", "/box/work/main", "/bin/sh")
            assert all(part.format(**words) for part in command)
        for paths in language.tools.values():
            assert all(path.startswith("/") for path in paths)
