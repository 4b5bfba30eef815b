"""What `precieux batch` says after Ctrl-C and when programs are refused, and what it writes."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from precieux.commands.batch import batch
from precieux.commands.batch_files import result_row, write_rows
from precieux.errors import UsageError
from precieux_client import Client, Fault, InvalidRequest


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("registered", [0, 1, 2])
def test_an_interrupted_batch_says_what_goes_on(
    registered: int, again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("print(1)")
    numbers = iter(range(registered))

    def create(*_: object, **__: object) -> SimpleNamespace:
        number = next(numbers, None)
        if number is None:
            raise KeyboardInterrupt
        return SimpleNamespace(id=number, total=1, done=0)

    def interrupted(*_: object) -> Iterator[object]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "limits", lambda _: SimpleNamespace(max_batch=1, max_body_bytes=1 << 20))
    monkeypatch.setattr(Client, "create_batch", create)
    monkeypatch.setattr(Client, "batch_events", interrupted)
    with pytest.raises(typer.Exit) as ended:
        batch(path=tmp_path, again=again)
    assert ended.value.exit_code == 130
    state = "The programs go on." if registered == 2 else "Some programs may be registered already, and go on."
    next_time = "runs all of them once more." if again else "continues, and runs none twice."
    assert capsys.readouterr().err.strip() == f"{state} The same command {next_time}"


def test_a_fault_of_many_programs_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.py", "b.py", "c.py"):
        (tmp_path / name).write_text("print(1)")

    def refuse(*_: object, **__: object) -> SimpleNamespace:
        faults = [Fault("It is unknown.", f"/submissions/{number}/language") for number in range(3)]
        raise InvalidRequest(422, "", errors=[*faults, Fault("It is too long.", "/submissions/1/stdin")])

    monkeypatch.setattr(Client, "limits", lambda _: SimpleNamespace(max_batch=9, max_body_bytes=1 << 20))
    monkeypatch.setattr(Client, "create_batch", refuse)
    with pytest.raises(UsageError) as refused:
        batch(path=tmp_path)
    faults = "a.py and 2 more: language: It is unknown. b.py: stdin: It is too long."
    assert str(refused.value) == f"Nothing was registered. {faults}"


@pytest.mark.parametrize(
    ("max_batch", "max_bytes", "sizes"), [(9, 1 << 20, [3]), (2, 1 << 20, [2, 1]), (9, 9000, [1, 1, 1])]
)
def test_what_does_not_fit_one_batch_is_several(
    max_batch: int, max_bytes: int, sizes: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.py", "b.py", "c.py"):
        (tmp_path / name).write_text("#" * 3000)
    made: list[int] = []

    def create(_: Client, bodies: Iterable[object], **__: object) -> SimpleNamespace:
        made.append(len(list(bodies)))
        if sum(made) == 3:
            raise KeyboardInterrupt
        return SimpleNamespace(id=len(made), total=made[-1], done=0)

    monkeypatch.setattr(Client, "limits", lambda _: SimpleNamespace(max_batch=max_batch, max_body_bytes=max_bytes))
    monkeypatch.setattr(Client, "create_batch", create)
    with pytest.raises(typer.Exit):
        batch(path=tmp_path)
    assert made == sizes


def test_no_name_of_a_program_becomes_a_formula(capsys: pytest.CaptureFixture[str]) -> None:
    submission: Any = SimpleNamespace(id=1, state="queued", verdict=None, run=None)
    write_rows([result_row("＝1+1.py", submission, {})], None, as_json=False)
    assert capsys.readouterr().out.splitlines()[1].startswith("'＝1+1.py,1,queued,")
