"""A program as its language's tools get it: the files of the work folder, and the options of the compiler. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from executor.languages import file_names
from executor.languages.base import LanguageDefinition, Names
from shared.engine_api.run_call.request import ProgramRequest

#: A tool would take a file name that begins so for an option, or for a file of options.
_NOT_A_NAME: Final = ("-", "@")


@dataclass(frozen=True)
class ProgramSources:
    """`files` are those of the work folder, by path. `names.source` is the one that is compiled or run.

    `companions` are the other sources that the compiler gets. `build` is the script that runs in place of a compiler.
    `interpreter_args` are words between the interpreter and the program.

    `is_plain` is True if the program is one source, without options, whose name no tool takes for anything else.
    Compilers are sped up only for such programs.
    """

    files: dict[str, bytes]
    names: Names
    companions: tuple[str, ...] = ()
    compiler_args: tuple[str, ...] = ()
    interpreter_args: tuple[str, ...] = ()
    build: str | None = None
    is_plain: bool = True

    @property
    def source(self) -> bytes:
        return self.files[self.names.source]


def program_of_source(
    code: str, filename: str | None, language: LanguageDefinition, reserved: Collection[str]
) -> ProgramSources:
    """Return the program of one source. It has the sender's own `filename` if that is usable."""
    names = language.names_for(code)
    name = file_names.usable(filename, language, reserved)
    names = replace(names, source=name) if name else names
    return ProgramSources({names.source: _as_tools_want(code.encode(), language)}, names)


def program_of_files(
    request: ProgramRequest, language: LanguageDefinition, reserved: Collection[str]
) -> ProgramSources:
    """Return the program of several files, which keep their names.

    If there is only one Java source, it gets the name that javac wants, as a single source does, unless a folder has
    that name. So does the entry if it has another extension. Both keep their names if the request has a `main_class`.
    """
    entry = request.entry_file
    files = {file.path: file.data() for file in request.files}
    sources = [
        path
        for path in files
        if path == entry.path or (has_extension(path, language) and path not in request.data_files)
    ]
    for path in sources:
        files[path] = _as_tools_want(files[path], language)
    usual = language.names_for(files[entry.path].decode(errors="replace"))
    names = replace(usual, source=entry.path, output=_unused(usual.output, files))
    if language.source_file.named_after_class and request.main_class:
        names = replace(names, main=request.main_class)
    elif language.source_file.named_after_class and (len(sources) == 1 or not has_extension(entry.path, language)):
        folder, slash, _ = entry.path.rpartition("/")
        wanted = folder + slash + usual.source
        if not any(path == wanted or path.startswith(f"{wanted}/") for path in files if path != entry.path):
            names = replace(names, source=wanted)
            files = {wanted if path == entry.path else path: content for path, content in files.items()}
            sources = [wanted if path == entry.path else path for path in sources]
    return ProgramSources(
        files,
        names,
        companions=tuple(
            path for path in sources if path != names.source and _is_companion(path, names.source, language)
        ),
        compiler_args=request.compiler_args,
        interpreter_args=request.interpreter_args,
        build=request.build,
        is_plain=len(files) == 1
        and not request.compiler_args
        and names.source in (usual.source, file_names.usable(names.source, language, reserved)),
    )


def as_word(path: str) -> str:
    """Return the path as a word of a command."""
    return f"./{path}" if path.startswith(_NOT_A_NAME) else path


def shadows(program: ProgramSources, modules: Collection[str]) -> bool:
    """Return True if a file or folder of the program has the name of one of the language's own modules."""
    if program.is_plain:
        return False
    parts = {part.partition(".")[0].lower() for path in program.files for part in path.split("/")}
    return not parts.isdisjoint(modules)


def has_extension(path: str, language: LanguageDefinition) -> bool:
    """Return True if the path has an extension of the language's sources."""
    return path.rpartition(".")[2] in language.extensions


def _as_tools_want(source: bytes, language: LanguageDefinition) -> bytes:
    # Other tools get the text as the sender wrote it, since a string literal may contain line ends.
    return source.replace(b"\r\n", b"\n") if language.source_file.unix_line_ends else source


def _is_companion(path: str, entry: str, language: LanguageDefinition) -> bool:
    wanted = language.compile.companions if language.compile else ""
    if wanted == "folder" and path.rpartition("/")[0] != entry.rpartition("/")[0]:
        return False
    special, stem = language.source_file.special, path.rpartition("/")[2].rpartition(".")[0]
    return bool(wanted) and not (special and special.search(stem))


def _unused(name: str, files: Collection[str]) -> str:
    """Return the name. `_` is appended until no file or folder has it, with or without `.exe`."""
    taken = {path.partition("/")[0].removesuffix(".exe") for path in files}
    while name in taken:
        name += "_"
    return name
