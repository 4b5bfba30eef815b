"""The command line against a running system, as a person or a script calls it."""

import csv
import gc
import io
import json
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
import requests

from precieux.cli import main
from tests.fixtures.up import Up
from tests.problem_packages import LEGACY
from tests.waiting import eventually_sync

Command = Callable[..., subprocess.CompletedProcess[str]]


def precieux(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does."""
    words = [sys.executable, "-P", "-m", "precieux", *map(str, arguments)]
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return the command as a function, in this process: to start one takes longer than most commands."""

    def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["precieux", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        gc.collect()  # a connection that is still open warns
        return subprocess.CompletedProcess(sys.argv, code, *capsys.readouterr())

    return command


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "double.py"
    path.write_text("print(2 * int(input()))\n")
    return path


@pytest.fixture
def endless(running: Up, tmp_path: Path) -> Iterator[Path]:
    """Yield a program that does not end within a test, and free the slot that it takes."""
    path = tmp_path / "endless.py"
    path.write_text("import time\ntime.sleep(60)\n")
    yield path
    url = f"{running.url}/v1/submissions"
    for state in ("queued", "running"):
        for submission in requests.get(url, params={"state": state}, timeout=10).json()["items"]:
            requests.post(f"{url}/{submission['id']}/cancel", timeout=10)


@pytest.mark.parametrize(
    ("code", "end"),
    [
        ("import sys\nprint(input())\nprint('e', file=sys.stderr)\nsys.exit(3)", (3, "21\n", "e\n")),
        ("import os\nos.kill(os.getpid(), 11)", (139, "", "precieux: Killed by signal 11 (Segmentation fault).\n")),
        ("while True: pass", (137, "", "precieux: Time limit exceeded: stopped after 0.5 s of CPU time.\n")),
    ],
)
def test_a_run_has_the_exit_code_of_its_program(
    running: Up, tmp_path: Path, code: str, end: tuple[int, str, str]
) -> None:
    (tmp_path / "main.py").write_text(code)
    words = ("run", tmp_path / "main.py", "--input", "21", "--cpu-s", "0.5", "--url", running.url)
    done = precieux(*words)
    assert (done.returncode, done.stdout, done.stderr) == end
    as_json = precieux(*words, "--json")
    assert (as_json.returncode, json.loads(as_json.stdout)["stdout"]) == end[:2]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os\nos.kill(os.getpid(), 11)", "runtime_error: Segmentation fault (signal 11)"),
        ("raise SystemExit(3)", "runtime_error: exit code 3"),
        ("while True: pass", "time_limit: stopped after 1"),
        ("while True: print('x' * 1000)", "output_limit: stopped after "),
        ("text = 'x' * 500_000_000", "memory_limit: stopped with "),
    ],
)
def test_a_bad_verdict_has_its_reason(command: Command, running: Up, tmp_path: Path, code: str, reason: str) -> None:
    (tmp_path / "bad.py").write_text(code)
    limits = ("--cpu-s", "1", "--memory-bytes", "100M")
    done = command("submit", tmp_path / "bad.py", *limits, "--wait", "--url", running.url)
    assert reason in done.stderr.splitlines()[-1]
    number = done.stderr.splitlines()[-1].split()[1].rstrip(":")
    listed = command("status", number, "--url", running.url).stdout
    assert listed.rstrip().split("\t")[-1].startswith(reason.partition(": ")[2])


def test_json_output_is_the_submission(command: Command, running: Up, source: Path) -> None:
    email = "json@example.com"
    sent = command("submit", source, "--email", email, "--input", "1", "--wait", "--json", "--url", running.url)
    submission = json.loads(sent.stdout)
    number = submission["id"]
    assert (submission["verdict"], submission["run"]["stdout"]) == ("ok", "2\n")
    listed = command("status", email, "--json", "--url", running.url)
    assert [one["id"] for one in json.loads(listed.stdout)] == [number]
    for which in (email, str(number)):
        plain = command("status", which, "--url", running.url)
        assert plain.stdout.split("\t")[:4] == [str(number), "finished", "ok", "py"]


def test_a_folder_is_run_against_tests(command: Command, running: Up, tmp_path: Path) -> None:
    program, cases = tmp_path / "program", tmp_path / "cases"
    program.mkdir()
    (program / "main.py").write_text("from twice import twice\nprint(twice(int(input())))\n")
    (program / "twice.py").write_text("def twice(number):\n    return 2 * number\n")
    cases.mkdir()
    for name, text in {"1.in": "1", "1.out": "2", "2.in": "2", "2.out": "5"}.items():
        (cases / name).write_text(text)
    done = command("submit", program, "--tests", cases, "--wait", "--url", running.url)
    assert done.returncode == 1, done.stderr
    assert [line.split("\t")[:4] for line in done.stdout.splitlines()] == [
        ["1", "1", "accepted", "1/1"],
        ["2", "2", "wrong_answer", "0/1"],
    ]
    assert "(1/2 points)" in done.stderr
    assert "Test 2:\nline 1\n  expected: 5\n  printed:  4\n" in done.stderr


def test_a_submission_is_run_again_with_another_input(
    command: Command, running: Up, source: Path, tmp_path: Path
) -> None:
    sent = command("submit", source, "--input", "1", "--hold", "--json", "--url", running.url)
    number = str(json.loads(sent.stdout)["id"])
    assert command("result", number, "--url", running.url).returncode == 2
    done = command("rerun", number, "--input", "4", "--wait", "--url", running.url)
    assert (done.returncode, done.stdout) == (0, "8\n"), done.stderr
    assert command("result", number, "--output", tmp_path / "out", "--url", running.url).returncode == 0
    assert (tmp_path / "out").read_text() == "8\n"
    assert command("watch", number, "--url", running.url).stdout == "8\n"
    assert command("delete", number, "--url", running.url).returncode == 0
    gone = command("status", number, "--url", running.url)
    assert (gone.returncode, gone.stdout) == (3, "")
    assert "(404)" in gone.stderr


def test_a_running_program_is_cancelled(command: Command, running: Up, endless: Path) -> None:
    number = str(json.loads(command("submit", endless, "--json", "--url", running.url).stdout)["id"])
    assert command("cancel", number, "--url", running.url).stdout == f"Submission {number} is cancelled.\n"
    again = command("cancel", number, "--url", running.url)
    assert again.returncode == 3
    assert again.stderr.startswith("precieux: The server refused (409): ")


def test_a_batch_is_run_once_and_written_as_csv(command: Command, running: Up, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "student10.py").write_text("print(2 * int(input()))")
    (programs / "student9.py").write_text("print(input())")
    (programs / "readme.txt").write_text("These are the programs.")
    (tmp_path / "1.in").write_text("3")
    (tmp_path / "1.out").write_text("6")
    arguments = ("batch", programs, "--tests", tmp_path, "--checker", "tokens", "--url", running.url)
    first, second = command(*arguments), command(*arguments)
    assert (first.returncode, first.stdout) == (1, second.stdout), first.stderr
    bad, good = csv.DictReader(io.StringIO(first.stdout))
    assert (bad["name"], bad["verdict"], bad["points_awarded"]) == ("student9.py", "wrong_answer", "0.0")
    assert (good["name"], good["verdict"], good["points"]) == ("student10.py", "accepted", "1.0")
    assert "Skipped, because it is not clear what to run: readme.txt.\n" in first.stderr
    assert first.stderr.endswith("2 programs: 1 wrong_answer (student9.py), 1 accepted.\n")
    sent = json.loads(command("status", bad["id"], "--json", "--url", running.url).stdout)
    assert (sent["checker"]["kind"], sent["metadata"]) == ("tokens", {"name": "student9.py"})
    third = command(*arguments, "--again", "--json")
    assert {row["id"] for row in json.loads(third.stdout)}.isdisjoint({int(bad["id"]), int(good["id"])})


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            "path,mail\na.py,x\n",
            "has a column that is not known, mail. The columns are path, name, language, email, stdin; commas",
        ),
        ("path;email\na.py;x\n", "Its first line is: path;email"),
        ("", "needs the column path"),
        ("path\n", "has no programs"),
        ("path,email\na.py,x,y\n", "line 2: it has more cells than there are columns"),
        ("path,email\n,x\n", "line 2: its path is missing"),
        ('path,stdin\na.py,"1\n2"\nb.py,1\n', "line 4: "),
        ("path\n\xff", "is not text in UTF-8"),
    ],
)
def test_a_bad_table_of_a_batch_is_explained(command: Command, tmp_path: Path, table: str, sentence: str) -> None:
    (tmp_path / "a.py").write_text("print(input())")
    (tmp_path / "class.csv").write_text(table, encoding="latin-1")
    done = command("batch", tmp_path / "class.csv")
    assert done.returncode == 2
    assert sentence in done.stderr


def test_a_batch_runs_the_named_file_of_each_folder(command: Command, running: Up, tmp_path: Path) -> None:
    for student, names in {
        "ada": ("helper.py", "sum.py"),
        "bob": ("total.py", "helper.py"),
        "cyd": ("sum.py",),
    }.items():
        (tmp_path / "class" / student).mkdir(parents=True)
        for name in names:
            (tmp_path / "class" / student / name).write_text(f"print('{name}')")
    (tmp_path / "class/dan.py").write_text("print('sum.py')")
    (tmp_path / "1.in").write_text("")
    (tmp_path / "1.out").write_text("sum.py")
    arguments = ("batch", tmp_path / "class", "--tests", tmp_path, "--url", running.url)
    done = command(*arguments, "--entry", "sum.py")
    assert [row["name"] for row in csv.DictReader(io.StringIO(done.stdout))] == ["ada", "cyd", "dan.py"], done.stderr
    assert "Skipped, because it is not clear what to run: bob.\n" in done.stderr
    assert done.stderr.endswith("3 programs: 3 accepted.\n")
    guessed = command(*arguments)
    assert "Of several files, these are run: ada/helper.py, bob/helper.py. --entry names another.\n" in guessed.stderr


def test_a_batch_that_is_refused_names_the_program(command: Command, running: Up, tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("print(1)")
    (tmp_path / "class.csv").write_text("path,email\na.py,a@example.com\nb.py,nowhere\n")
    done = command("batch", tmp_path / "class.csv", "--url", running.url)
    assert done.returncode == 2
    assert done.stderr.startswith("precieux: Nothing was registered. b.py: email: It is not an e-mail address")


def test_languages_and_usage_are_listed(command: Command, running: Up) -> None:
    languages = command("languages", "--url", running.url)
    assert "py\tPython\t" in languages.stdout
    assert json.loads(command("languages", "--json", "--url", running.url).stdout)[0]["code"]
    assert command("usage", "--json", "--url", running.url).stdout == "[]\n"
    assert "no budgets" in command("usage", "--url", running.url).stderr


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("submit", "missing.py", "--email", "a@example.com"), 2, "missing.py cannot be read"),
        (("submit", "-", "--language", "py", "--input-file", "-"), 2, "the program or its input, not both"),
        (("batch", "samples/hello.py"), 2, "is neither a folder nor a CSV file"),
        (("status", "latest"), 2, "neither the number of a submission nor an e-mail address"),
        (("batch", "docs/images"), 2, "docs/images has no programs: put a file or folder for each into it"),
        (
            ("batch", "samples", "--language", "py", "--output", "missing/results.csv"),
            2,
            "missing/results.csv cannot be written",
        ),
        (("batch", "samples", "--language", "py", "--url", "http://127.0.0.1:9"), 3, "Start a server with"),
        (("status", "a@example.com", "--url", "http://127.0.0.1:9"), 3, "Start a server with `precieux up`"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(
    command: Command, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = command(*arguments)
    assert done.returncode == code
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_the_command_line_finds_its_key_when_there_are_keys(up: Up, source: Path) -> None:
    up.start()
    here = ("--url", up.url, "--data-dir", up.data_dir)
    [file] = up.data_dir.glob("api-key.*")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    # The key that `up` makes does not end protected mode: the first curl needs no key.
    assert requests.get(f"{up.url}/check_user/?email=a@example.com", timeout=10).status_code == 200
    created = precieux("keys", "create", "course", "--data-dir", up.data_dir)
    assert created.returncode == 0, created.stderr

    def is_closed() -> bool:
        return requests.get(f"{up.url}/check_user/?email=a@example.com", timeout=10).status_code == 401

    eventually_sync(is_closed, what="the key ends protected mode")
    done = precieux("submit", source, "--email", "cli@example.com", "--input", "21", "--wait", *here)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
    assert precieux("status", "cli@example.com", *here).stdout.split("\t")[1] == "finished"
    refused = precieux("status", "cli@example.com", "--url", up.url, "--data-dir", source.parent)
    assert refused.returncode == 3
    assert "PRECIEUX_API_KEY" in refused.stderr
    key = file.read_text()
    assert key not in up.log
    up.stop()
    assert list(up.data_dir.glob("api-key.*")) == []
    assert "Bearer" not in up.log
    up.start()
    assert 'Try: curl -H "Authorization: Bearer $PRECIEUX_API_KEY" -F' in up.log


def test_the_version_is_shown() -> None:
    done = precieux("--version")
    assert (done.returncode, done.stdout) == (0, f"precieux {metadata.version('precieux')}\n")


def test_waiting_prints_a_long_output_alone_on_a_pipe(running: Up, tmp_path: Path) -> None:
    source = tmp_path / "long.py"
    source.write_text("print('ب' * 200_000)")
    done = precieux("submit", source, "--email", "long@example.com", "--wait", "--url", running.url)
    assert (done.returncode, done.stdout) == (0, "ب" * 200_000 + "\n")
    assert "running" in done.stderr or "done" in done.stderr


def test_a_folder_becomes_a_problem(command: Command, running: Up, source: Path, tmp_path: Path) -> None:
    url, folder = ("--url", running.url), tmp_path / "cli-sum"
    for path, text in LEGACY.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / ".git").mkdir()
    (folder / ".git/HEAD").write_text("not for the server")
    pushed = command("problem", "push", folder, "--limit", "cpu_s=3", "--language-limit", "py:cpu_s=4", *url)
    assert (pushed.returncode, pushed.stdout) == (0, "cli-sum@1\n"), pushed.stderr
    again = command("problem", "push", folder, "--share", "--json", *url)
    problem = json.loads(again.stdout)
    assert (problem["version"], problem["visibility"], problem["limits"]["cpu_s"]) == (1, "shared", 3.0)
    assert "cli-sum\t1\tSum\tshared" in command("problem", "list", *url).stdout
    shown = command("problem", "show", "cli-sum@1", *url).stdout
    assert "limits of py\tcpu_s=4\n" in shown
    assert "1 shown, 1 secret" in shown
    target = tmp_path / "back.zip"
    assert command("problem", "package", "cli-sum", "-o", target, *url).returncode == 0
    with zipfile.ZipFile(target) as archive:
        assert sorted(archive.namelist()) == sorted(LEGACY)
    sent = command("submit", source, "--problem", "cli-sum", "--hold", "--json", *url)
    held = json.loads(sent.stdout)
    assert held["problem"] == "cli-sum@1", sent.stderr
    (folder / "problem.yaml").write_text("name: Sum\nwhat: 1\n")
    refused = command("problem", "push", folder, *url)
    assert refused.returncode == 2
    assert "problem.yaml: " in refused.stderr
    for wrong in (("push", folder, "--limit", "cpu_s=x"), ("push", folder, "--limit", "x=1"), ("show", "cli-sum@x")):
        assert command("problem", *wrong, *url).returncode == 2
    assert command("problem", "delete", "cli-sum", *url).returncode == 3
    assert command("delete", str(held["id"]), *url).returncode == 0
    assert command("problem", "delete", "cli-sum", *url).returncode == 0
    assert command("problem", "show", "cli-sum", *url).returncode == 3
