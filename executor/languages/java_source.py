"""What javac and java must be told: the file's name, after its public class, and the class to start. Pure."""

import re
from dataclasses import dataclass

#: Comments, text blocks, strings and characters, in which braces and keywords mean nothing.
_OPAQUE = re.compile(r'//[^\n]*|/\*.*?\*/|"""(?:\\.|[^\\])*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
_PACKAGE = re.compile(r"\bpackage\s+([\w.\s]+?)\s*;")
_TYPE = re.compile(r"(?:(?P<public>\bpublic\b)[^;{}()]*?)?\b(?:class|interface|enum|record)\s+(?P<name>[^\W\d][\w$]*)")
_MAIN = re.compile(r"\bvoid\s+main\s*\(")
#: Bytes of a name that a file can have (with .java), and of a class's that goes on a command line.
_LONGEST_STEM, _LONGEST_CLASS = 250, 2048


@dataclass(frozen=True)
class MainClass:
    file_stem: str
    main_class: str


def find_main(source: str) -> MainClass:
    """The name that javac demands of the file (without .java), and the qualified name of the class with `main`.

    Of several, the public one counts, then the first; a file without any type is called Main, and so is what has a name
    too long for a file.
    """
    text = _OPAQUE.sub(" ", source)
    package = _PACKAGE.search(text)
    prefix = re.sub(r"\s", "", package[1]) + "." if package else ""
    types = list(_top_level_types(text))
    public = next((name for name, is_public, _ in types if is_public), None)
    with_main = [(name, is_public) for name, is_public, body in types if _MAIN.search(body)]
    main = next((name for name, is_public in with_main if is_public), with_main[0][0] if with_main else None)
    stem = public or main or (types[0][0] if types else "Main")
    found = MainClass(stem, prefix + (main or stem))
    if len(stem.encode()) > _LONGEST_STEM or len(found.main_class.encode()) > _LONGEST_CLASS:
        return MainClass("Main", "Main")  # javac tells the author
    return found


def _top_level_types(text: str) -> list[tuple[str, bool, str]]:
    """Name, whether public, and body (nested braces and all) of each type that is not within another."""
    types = []
    position = 0
    while match := _TYPE.search(text, position):
        start = text.find("{", match.end())
        if start < 0:
            break
        end = _closing_brace(text, start)
        types.append((match["name"], bool(match["public"]), text[start:end]))
        position = end
    return types


def _closing_brace(text: str, start: int) -> int:
    depth = 0
    for brace in re.finditer(r"[{}]", text[start:]):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return start + brace.end()
    return len(text)
