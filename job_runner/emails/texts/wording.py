"""Writes the subjects of mails, and versions, commands and causes as a person would. Pure."""

import re
from pathlib import PurePosixPath
from typing import Final

from job_runner.emails.texts.sanitize import one_line
from job_runner.leases.claim import ClaimedJob
from shared.engine_api.codex import version_in
from shared.engine_api.languages import check_lang, name_of
from shared.records.messages.translations import digits, isolated, translations

#: The word of a version text that names the tool. Those before it greet, or say who made it.
_TOOL: Final = re.compile(
    r"(?<!\S)(?!(?:GNU|Debian|Ubuntu|This|The|Version|Welcome|to|is)\b)[a-z][a-z+#-]*(?!\S)", re.IGNORECASE
)
#: Tools that print only the number of their version.
_NAMELESS: Final = {"js": "Node.js", "sql": "SQLite"}
#: Options of the engine's own, which no person would write, each with its value.
_MACHINERY: Final = re.compile(
    r" (?:-pipe|-fno-canonical-system-headers|-fuse-ld=\S+|-Wl,-nostdlib|-I/headers\S*|-o \S+"
    r"|-J\S+|-XX:\S+|-X(?:share|ss|mx)\S*|-D\S*encoding=\S+|-encoding UTF-8|-proc:none|-cp \.|-d \."
    r"|-pkgdir=\S+|--max-old-space-size=\S+)(?= |$)"
)
#: The folders at the beginning of a word.
_FOLDERS: Final = re.compile(r"(?<!\S)(?:/[^ /]+)*/(?=[^ /])")
#: The class of the error that ended a program, as Python, Java, JavaScript, C# and PHP print it.
_ERROR: Final = re.compile(
    r'^(?:PHP Fatal error:  |Unhandled exception\. )?(?:Uncaught |Exception in thread "main" )?'
    r"(?:[A-Za-z_]\w{0,60}\.){0,9}([A-Za-z_]\w{0,60}(?:Error|Exception))\b",
    re.ASCII | re.MULTILINE,
)
#: What stands between the words of a name that its sender has chosen, and how long such a name may be.
_NOT_PLAIN: Final = re.compile(r"[^\w.-]+")
_MAX_NAME: Final = 40
#: The problem at the end of its title, such as `Sum of numbers (sum@3)`.
_REFERENCE: Final = re.compile(r"\(([\w@.-]+)\)$")
#: Characters that are searched for it, at the beginning and at the end.
_SEARCHED: Final = 4_000


def subject(job: ClaimedJob, what: str, problem: str = "") -> str:
    """Return the subject of a mail about a submission, such as `average.py for mean@2: runtime error (#47)`.

    It holds no text of the sender, who may not know the recipient: only plain names. `problem` ends with its reference.
    """
    gettext = translations(job.locale).gettext
    values = {"what": what[:1].lower() + what[1:], "id": digits(str(job.upload), job.locale)}
    name = plain_name(job.filename or "")
    if not name:
        return gettext("Submission %(id)s: %(what)s") % values
    file = isolated(name, job.locale)
    if reference := _REFERENCE.search(problem):
        file = gettext("%(file)s for %(problem)s") % {"file": file, "problem": isolated(reference[1], job.locale)}
    return gettext("%(file)s: %(what)s (#%(id)s)") % {**values, "file": file}


def plain_name(path: str) -> str:
    """Return the name of a file without its folders, as letters, digits and `._-`."""
    name = PurePosixPath(_NOT_PLAIN.sub("_", PurePosixPath(path).name))
    ending = name.suffix[:_MAX_NAME]
    return f"{name.stem[: _MAX_NAME - len(ending)]}{ending}"


def toolchain(language: str, info: str = "") -> str:
    """Return a language with its tool and version, such as `C (gcc 12.4.0)`. `info` is the tool's version text."""
    name, line = name_of(one_line(language)), one_line(info.strip().partition("\n")[0])
    version = version_in(line)
    if not version:
        return f"{name} ({line})" if line and not line.casefold().startswith(name.casefold()) else line or name
    if name.endswith(")"):
        return f"{name[:-1]} {version})"
    word = _TOOL.search(line)
    tool = _NAMELESS.get(check_lang(language) or "") or (word[0] if word else "")
    is_named = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", line, re.IGNORECASE) if len(name) > 2 else None
    is_named_alike = tool.casefold() == name.casefold()
    return f"{name} {version}" if not tool or is_named or is_named_alike else f"{name} ({tool} {version})"


def command(words: str) -> str:
    """Return a command without folders and the engine's own options, such as `gcc main.c -lm`."""
    return one_line(_FOLDERS.sub("", re.sub(r"(?<!\S)/box/work/", "./", _MACHINERY.sub("", words))))


def cause(stderr: str, file: str, locale: str) -> str:
    """Return the error that ended a program, such as `ZeroDivisionError, line 2`; an empty text if none is found.

    It consists of letters and digits, so a hostile program can write nothing else there.
    """
    if len(stderr) > 2 * _SEARCHED:
        stderr = f"{stderr[:_SEARCHED]}\n{stderr[-_SEARCHED:]}"
    errors: list[str] = _ERROR.findall(stderr)
    if not errors:
        return ""
    # Python names the innermost call last.
    name = re.escape(PurePosixPath(file).name)
    places = re.findall(rf'{name}", line (\d{{1,6}})\b', stderr)[-1:] or re.findall(rf"{name}:(\d{{1,6}})\b", stderr)
    if not file or not places:
        return isolated(errors[-1], locale)
    values = {"error": isolated(errors[-1], locale), "line": digits(places[0], locale)}
    return translations(locale).gettext("%(error)s, line %(line)s") % values
