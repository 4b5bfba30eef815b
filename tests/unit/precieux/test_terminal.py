"""The lines that commands print about themselves."""

import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

import precieux_client
from precieux import terminal
from precieux.commands import up
from precieux.commands.up import show_ready
from precieux.up.settings import DEFAULT_URL
from precieux.up.system import System


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        ("/opt", "precieux/bin/precieux"),
        ("/srv", "/opt/precieux/bin/precieux"),
        ("/", "/opt/precieux/bin/precieux"),
    ],
)
def test_own_command_can_be_pasted(monkeypatch: pytest.MonkeyPatch, folder: str, command: str) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(sys, "executable", "/opt/precieux/bin/python")
    monkeypatch.setattr(Path, "cwd", lambda: Path(folder))
    assert terminal.own_command() == command


@pytest.mark.parametrize("has_keys", [True, False])
@pytest.mark.parametrize("has_pages", [True, False])
def test_a_ready_system_shows_where_it_is_and_how_to_call_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, has_pages: bool, has_keys: bool
) -> None:
    monkeypatch.setattr(up, "has_keys", lambda url: has_keys)
    show_ready(System("http://127.0.0.1:8000", has_pages, Path("/data"), "files in /data/outbox", SecretStr(""), None))
    shown = capsys.readouterr().out
    assert "Page and API: http://127.0.0.1:8000\n" in shown
    assert ("Operator's page: http://127.0.0.1:8000/admin (log in" in shown) is has_pages
    assert ('Try: curl -H "Authorization: Bearer $PRECIEUX_API_KEY" -F ' in shown) is has_keys


def test_names_of_files_in_hints_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.hint("These files belong to no test: a\x1b]0;title\x07\x1b[31mred.txt.")
    assert capsys.readouterr().err == "These files belong to no test: a\ufffd]0;title\ufffd\ufffd[31mred.txt.\n"


def test_the_default_address_is_the_clients() -> None:
    assert DEFAULT_URL == precieux_client.DEFAULT_URL
