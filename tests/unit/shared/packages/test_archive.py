"""Reading the zips of strangers."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.judging.packages.read import read_package
from shared.judging.packages.yaml_text import load_yaml
from tests.problem_packages import BOUNDS, LEGACY, MIB, fault_texts, faults_of, pack, read
from tests.public_packages import differences


def entry(name: str, *, mode: int = 0, method: int = zipfile.ZIP_STORED) -> io.BytesIO:
    """Return a package with one more entry."""
    packed = pack(LEGACY)
    info = zipfile.ZipInfo("placeholder")
    info.filename = info.orig_filename = name
    info.external_attr = mode << 16
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr(info, b"x", method)
    return packed


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("/etc/passwd", "absolute"),
        ("../evil", "`..`"),
        ("data/../../evil", "`..`"),
        ("data/a\0b", "NUL"),
        ("problem.yaml", "twice"),
        ("./problem.yaml", "twice"),
        ("problem.yaml/x", "folder of another file"),
        ("problem.yaml/", "that of a folder, too"),
        ("a/" * 40 + "x", "folders"),
        ("x" * 2000, "characters"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_bad_paths(name: str, fault: str) -> None:
    assert any(fault in listed.detail for listed in faults_of(entry(name)))


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_special_files(kind: int) -> None:
    assert [fault.detail for fault in faults_of(entry("x", mode=kind | 0o644))] == ["It is a special file."]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_methods(method: int) -> None:
    assert "unusual method" in faults_of(entry("x", method=method))[0].detail


def test_links_to_files_are_copies() -> None:
    links = {
        "data/secret/02.in": "01.in",
        "data/secret/02.ans": "../sample/1.ans",
        "attachments/a": "b",
        "attachments/b": "../problem.yaml",
    }
    package = read_package(pack(LEGACY, links), BOUNDS)
    assert [test.name for test in package.tests] == ["sample/1", "secret/01", "secret/02"]
    assert package.files["data/secret/02.in"] == package.files["data/secret/01.in"]
    assert package.files["attachments/a"].digest == package.files["problem.yaml"].digest
    assert package.size_bytes == sum(len(LEGACY[path]) for path in LEGACY) + 4 + 2 * len(LEGACY["problem.yaml"])


@pytest.mark.parametrize("target", ["/etc/passwd", "../../etc/passwd", "data", "missing", "x", "y" * 5000])
def test_other_links(target: str) -> None:
    assert [(fault.path, fault.detail) for fault in faults_of(pack(LEGACY, {"x": target}))] == [
        ("x", "The link does not lead to a file of the package.")
    ]


def test_links_count_as_the_bytes_that_they_lead_to() -> None:
    links = {f"attachments/{number}": "../big" for number in range(20)}
    assert "more than" in faults_of(pack({**LEGACY, "big": b"ab" * MIB}, links), bytes=32 * MIB)[0].detail


def test_bounds() -> None:
    assert "more than 1048576 bytes" in fault_texts({**LEGACY, "big": bytes(2 * MIB)}, bytes=MIB)[0]
    assert "more than 6 files" in fault_texts({**LEGACY, "a": "", "b": ""}, files=6)[0]
    assert "too many entries" in fault_texts({**LEGACY, **{f"f{number}/": "" for number in range(100)}}, files=10)[0]
    long = {"/".join(["x" * 250] * 4 + [str(number)]): "" for number in range(2000)}
    assert "over 1048576 characters together" in fault_texts({**LEGACY, **long}, files=5000)[0]
    folders = {f"data/secret/{number}/": "" for number in range(5)}
    assert fault_texts({**LEGACY, **folders}, tests=2) == ["data: There are more than 4 groups."]
    assert fault_texts(LEGACY, tests=1) == ["data: There are more than 1 tests."]
    big = {**LEGACY, "data/secret/01.in": "x" * 2000}
    assert fault_texts(big, test_bytes=1000) == ["data/secret/01.in: The file has 2000 bytes; it may have 1000."]


def test_a_bomb() -> None:
    packed = pack({**LEGACY, "bomb": bytes(100 * MIB)})
    assert "as only a bomb's do" in faults_of(packed, bytes=512 * MIB)[0].detail


def test_entries_that_share_their_bytes() -> None:
    packed = bytearray(pack({"a": b"x" * 1000, "b": b"y" * 1000}).getvalue())
    second = packed.rindex(b"PK\x01\x02")
    packed[second + 42 : second + 46] = struct.pack("<L", 0)
    assert "overlap" in faults_of(io.BytesIO(bytes(packed)))[0].detail


def truncated(packed: bytearray) -> None:
    del packed[len(packed) // 2 :]


def encrypted(packed: bytearray) -> None:
    packed[packed.index(b"PK\x01\x02") + 8] |= 1


def said_of_the_first(size: int, text: str = LEGACY["problem.yaml"]) -> Callable[[bytearray], None]:
    """Make the index say this size of the first file, and the checksum of this text."""

    def damage(packed: bytearray) -> None:
        first = packed.index(b"PK\x01\x02")
        packed[first + 16 : first + 20] = struct.pack("<L", zlib.crc32(text.encode()))
        packed[first + 24 : first + 28] = struct.pack("<L", size)

    return damage


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (truncated, "cannot be read"),
        (said_of_the_first(10, "other"), "damaged"),
        (encrypted, "encrypted"),
        (said_of_the_first(1), "The file has 10 bytes, and the archive says 1."),
        (said_of_the_first(11), "The file has 10 bytes, and the archive says 11."),
        (said_of_the_first(4, "name"), "damaged"),
    ],
)
def test_damaged_archives(damage: Callable[[bytearray], None], fault: str) -> None:
    packed = bytearray(pack(LEGACY).getvalue())
    damage(packed)
    assert fault in faults_of(io.BytesIO(bytes(packed)))[0].detail


def test_what_is_no_archive() -> None:
    for text in (b"", b"PK", b"name: Sum\n"):
        assert "cannot be read" in faults_of(io.BytesIO(text))[0].detail


def test_a_package_is_at_the_top_or_in_the_only_folder() -> None:
    assert read(LEGACY).name == "sum"
    inside = {f"add/{path}": text for path, text in LEGACY.items()}
    assert read({**inside, "__MACOSX/x": "", ".DS_Store": ""}).name == "add"
    assert "There is none of" in fault_texts({**inside, "other/x": ""})[0]


def test_odd_names_count_as_absent() -> None:
    odd = {"data/secret/b c.in": "1", "data\\secret\\c.in": "1", ".git/config": "", "-x": "", "data/secret/ä.ans": ""}
    package = read({**LEGACY, **odd, ".timelimit": "3\n"})
    assert len(package.tests) == 2
    assert package.files.keys() == {*LEGACY, ".timelimit"}
    assert [warning.path for warning in package.warnings] == ["data/secret/b c.in", "data/secret/ä.ans"]
    assert package.limits.cpu_s == 3


def test_at_most_100_faults_are_listed() -> None:
    texts = fault_texts({**LEGACY, **{f"data/secret/x{number}.in": "" for number in range(150)}})
    assert len(texts) == 101
    assert texts[-1] == ": There are 50 more."


def test_equal_warnings_are_listed_once() -> None:
    tests = {f"data/secret/x{number}.{ending}": "\r\n" for number in range(3) for ending in ("in", "ans")}
    assert [(warning.path, warning.detail) for warning in read({**LEGACY, **tests}).warnings] == [
        ("data/secret/x0.in", "The file has carriage returns. The same is true of 5 more files.")
    ]


def test_the_table_of_public_packages_holds_for_the_samples() -> None:
    assert differences(Path(__file__).parents[4] / "samples/problems") == []


class TestYaml:
    def test_words_stay_what_they_are(self) -> None:
        text = b"no: on\ndate: 2025-09-01\nflag: true\n<<: {a: 1}"
        assert load_yaml(text) == {"no": "on", "date": "2025-09-01", "flag": True, "<<": {"a": 1}}
        assert load_yaml(b"") is None

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            (b"a: &x 1\nb: *x", "aliases"),
            (b"a: 1\na: 2", "twice"),
            (b"a: {b: 1, b: 2}", "twice"),
            (b"[" * 21 + b"]" * 21, "levels"),
            (b"[" * 100_000, "levels|depth"),
            (b"{" * 100_000, "levels|depth"),
            (b"- " * 100_000, "levels"),
            (b"!!python/object/apply:os.system [id]", "tag"),
            (b"a: !!binary aGk=", "tag"),
            (b'a: "\\0"', "NUL"),
            (b'a: "\\ud800"', "cannot be read"),
            (b"[a,b]," * 20, "cannot be read"),
            (b"[" + b"a," * 30_000 + b"]", "20000 values"),
            (b"? [a]\n: b", "unhashable"),
            (b"a: 1\n---\nb: 2", "another document"),
            (b"a: " + b"1" * 10_000, "40 characters"),
            (b"a: 0x" + b"f" * 10_000, "40 characters"),
            (b"? 0b" + b"1" * 20_000 + b"\n: a", "40 characters"),
            (b"a: !!int ''", "cannot be read"),
            (b"a: !!bool maybe", "cannot be read"),
            (b"\xff\xfe", "UTF-8"),
            (b"a: \x07", "cannot be read"),
            (b"#" * (256 * 1024 + 1), "bytes"),
        ],
    )
    def test_hostile_texts(self, text: bytes, fault: str) -> None:
        with pytest.raises(ValueError, match=fault):
            load_yaml(text)

    def test_numbers_that_json_lacks_are_texts(self) -> None:
        assert load_yaml(b"[.inf, 1.0e+999, 0.5, -.NaN]") == [".inf", "1.0e+999", 0.5, "-.NaN"]

    def test_many_files_are_bounded_together(self) -> None:
        files = {f"data/secret/{number}/testdata.yaml": b"#" * 200_000 for number in range(30)}
        assert "over 4194304 bytes" in fault_texts({**LEGACY, **files})[0]
