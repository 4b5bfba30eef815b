"""The documents name files, modules, links and decisions that exist, and quote figures from where they are kept."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from tests import submitting_reference

_ROOT: Final = Path(__file__).parents[2]
_DOCUMENTS: Final = [*sorted(_ROOT.glob("*.md")), *sorted(_ROOT.glob("docs/**/*.md"))]
#: Those of the repository, not what `make docs` or a release has made.
_FOLDERS: Final = sorted(
    path.name for path in _ROOT.iterdir() if path.is_dir() and path.name.isidentifier() and path.name != "dist"
)
_CODE: Final = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)
_LINK: Final = re.compile(r"\]\((?!https?:|mailto:)([^)\s]*)\)")
_PATH: Final = re.compile(rf"(?<![\w./~$@-])(?:{'|'.join(_FOLDERS)})/(?:[\w./*{{}}<>-]|,(?! ))*")
_MODULE: Final = re.compile(rf"(?:`|-m )((?:{'|'.join(_FOLDERS)})(?:\.\w+)+)")
_FILE_NAME: Final = re.compile(r"`([\w./-]+\.(?:py|c|h|csv|js|java|toml|yml|yaml|json|cfg))`")

#: Files of programs and of problem packages, a path of the API, and the examples of a new language.
_OF_PACKAGES: Final = {"problem.yaml", "testdata.yaml", "test_group.yaml", "sum/output_validators/check.py"}
_OTHERS: Final = _OF_PACKAGES | {
    "main.py",
    "main.js",
    "crash.py",
    "random.py",
    "grades.csv",
    "/openapi.json",
    "fish.py",
    "fish.toml",
    "toolchain.toml",
    "NAME/languages/CODE.toml",
    "languages/cs.toml",
    "languages/swift.toml",
    "box.runtimeconfig.json",
    "testlib.h",
}
#: Objects of Kubernetes.
_NO_PATHS: Final = {"deploy/executor", "deploy/operator"}
_NO_MODULES: Final = re.compile(r"\.(?:service|env|md)$")


def _texts() -> Iterator[tuple[str, str]]:
    for document in _DOCUMENTS:
        yield str(document.relative_to(_ROOT)), document.read_text()


@cache
def _files() -> list[str]:
    """Return every file and folder of the repository, by its path from the root, with a slash before it."""
    inside = chain.from_iterable((_ROOT / folder).rglob("*") for folder in (*_FOLDERS, ".ci"))
    files = (path for path in chain(_ROOT.iterdir(), inside) if "__pycache__" not in path.parts)
    return [f"/{path.relative_to(_ROOT)}" for path in files]


def _anchors(document: Path) -> set[str]:
    """Return the names by which GitHub links to the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _alternatives(path: str) -> list[str]:
    """Return the paths that one with `{a,b}` is short for."""
    if found := re.search(r"{([^{}]*)}", path):
        return [other for word in found[1].split(",") for other in _alternatives(path.replace(found[0], word))]
    return [path]


def _is_there(path: str) -> bool:
    """True if a file or folder has the path, or the end of one, as tests are named without `tests/integration`."""
    pattern = "*/" + re.sub(r"<\w+>", "*", path).rstrip("./,")
    return any(fnmatch(file, pattern) for file in _files())


def test_links_lead_somewhere() -> None:
    broken = []
    for name, text in _texts():
        for link in _LINK.findall(_CODE.sub("", text)):
            file, _, anchor = unquote(link).partition("#")
            target = (_ROOT / name).parent / file if file else _ROOT / name
            if not target.exists() or (anchor and anchor not in _anchors(target)):
                broken.append((name, link))
    assert not broken


def test_paths_exist() -> None:
    missing = [
        (name, found)
        for name, text in _texts()
        for found in _PATH.findall(text)
        if found not in _NO_PATHS and not all(map(_is_there, _alternatives(found)))
    ]
    assert not missing


def test_modules_exist() -> None:
    missing = []
    for name, text in _texts():
        for found in _MODULE.findall(text):
            parts = found.split(".")
            # The last parts may name a class or a function of the module.
            places = [_ROOT.joinpath(*parts[:length]) for length in range(len(parts), 1, -1)]
            is_there = any(place.is_dir() or place.with_suffix(".py").exists() for place in places)
            if not is_there and not _NO_MODULES.search(found):
                missing.append((name, found))
    assert not missing


def test_file_names_exist() -> None:
    missing = [
        (name, found)
        for name, text in _texts()
        for found in _FILE_NAME.findall(text)
        if found not in _OTHERS and not any(file.endswith(f"/{found}") for file in _files())
    ]
    assert not missing


def _latency_rows(text: str) -> list[str]:
    return re.findall(r"^\| (?:py|js|c|cpp|java)\b.* ms \| [\d.]+ \| [\d.]+ \| [\d.]+ \|.*\|$", text, re.MULTILINE)


def test_the_readme_quotes_the_figures_of_the_executor() -> None:
    readme, performance = (_ROOT / "README.md").read_text(), (_ROOT / "docs/performance.md").read_text()
    figures = re.search(r"takes ([\d.]+) of the time of\s+`python3 f.py`.*all headers ([\d.]+);", readme, re.DOTALL)
    rows = {row.split("|")[1].strip(): row.split("|")[4].strip() for row in _latency_rows(performance)}
    assert figures
    assert figures.groups() == (rows["py"], rows["cpp, `<bits/stdc++.h>`"])


def test_figures_of_the_executor_are_the_measured_ones() -> None:
    results = json.loads((_ROOT / "benchmarks/results/executor-debian13.json").read_text())
    findings = {finding["measure"]: finding for finding in results["findings"]}
    for row in _latency_rows((_ROOT / "docs/performance.md").read_text()):
        language, bare, ours, ratio, _, cpu, again = (cell.strip() for cell in row.strip("|").split("|"))
        program = language.partition(",")[0] + ": hello-world" + (", bits/stdc++.h" if "bits" in language else "")
        latency = findings[f"latency, {program}"]
        assert (bare, ours) == (latency["beside"].partition(" (")[0], latency["ours"].partition(" (")[0])
        assert (ratio, cpu) == (f"{latency['ratio']:.2f}", f"{findings[f'CPU, {program}']['ratio']:.2f}")
        if again:
            digits = len(again.partition(".")[2])
            assert again == f"{findings[f'latency, {program}, the same source again']['ratio']:.{digits}f}"


def test_figures_of_the_system_are_the_measured_ones() -> None:
    rows = re.findall(r"^\| .*x \| [≥≤].*$", (_ROOT / "docs/performance.md").read_text(), re.MULTILINE)
    findings = json.loads((_ROOT / "benchmarks/results/pipeline.json").read_text())["findings"]
    for found in findings:
        if found["ratio"] is None:
            continue
        ours, beside = (re.split(" beside| after", found[side])[0] for side in ("ours", "beside"))
        cells = f"| {ours} | {beside}"
        assert any(cells in row and f" | {found['ratio']:.2f}x | " in row for row in rows), found["measure"]


def _decisions() -> list[tuple[str, dict[str, str]]]:
    """Return each decision's file name and its fields, as its first lines have them."""
    pages = []
    for page in sorted((_ROOT / "docs/adr").glob("[0-9]*.md")):
        heading, _, rest = page.read_text().partition("\n\n")
        number, _, title = heading.removeprefix("# ").partition(". ")
        fields = dict(re.findall(r"^- (\w+): (.+)$", rest.partition("\n\n")[0], re.MULTILINE))
        pages.append((page.name, {"number": number, "title": title, **fields}))
    return pages


def test_every_decision_has_its_fields() -> None:
    for name, fields in _decisions():
        assert list(fields) == ["number", "title", "Status", "Date", "Area"], name
        assert name.startswith(f"{int(fields['number']):04}-")
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", fields["Date"]), name
        assert re.match(r"(Accepted|Superseded by \[\d+\])", fields["Status"]), name


def test_the_index_lists_every_decision_in_its_area() -> None:
    listed = [
        (area.partition("\n")[0], row)
        for area in (_ROOT / "docs/adr/README.md").read_text().split("\n## ")[1:]
        for row in re.findall(r"^\| \d.*$", area, re.MULTILINE)
    ]
    decisions = _decisions()
    rows = [(found["Area"], f"| {found['number']} | [{found['title']}]({name}) |") for name, found in decisions]
    assert sorted(listed) == sorted(rows)
    # A page is for what a user, an operator or an attacker would question.
    assert len(decisions) <= 50


def test_cells_of_the_page_on_security_are_short() -> None:
    rows = re.findall(r"^\|(.+)\|$", (_ROOT / "docs/security.md").read_text(), re.MULTILINE)
    assert [cell.strip() for row in rows for cell in row.split("|") if len(cell.strip()) > 200] == []


def test_the_page_for_submitters_is_that_of_the_languages() -> None:
    page = submitting_reference.page()
    assert submitting_reference.PAGE.read_text() == page, "run `python -m tests.submitting_reference`"
    assert "VERSION | IMAGES" not in page, "write them into the row of the new language"
