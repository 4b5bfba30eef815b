"""The published clients of Piston against our front door, each installed as its users do."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.fixtures import npm
from tests.fixtures.gate import leave_out
from tests.fixtures.up import Up
from tests.fixtures.uv import environment_with, is_installed

pytestmark = pytest.mark.slow

_NPM: Final = ("piston-api@1.0.1",)

_ULTRA: Final = """
import json, sys
from ultra_piston import File, PistonClient
client = PistonClient(base_url=sys.argv[1] + "/api/v2", rate_limit=0.01)
python = next(one for one in client.get_runtimes() if one.language == "python")
assert any(one.installed for one in client.get_packages())
ran = client.post_execute("py", python.version, File(content="print(input())"), stdin="ultra")
print(json.dumps([ran.language, ran.run.output, ran.run.code, ran.compile]))
"""
_AIOPYSTON: Final = """
import asyncio, json, sys
from pyston import File, PystonClient
async def main():
    client = PystonClient(base_url=sys.argv[1] + "/api/v2/")
    languages = await client.languages()
    ran = await client.execute("python", [File("print(input())")], stdin="aio")
    print(json.dumps([ran.langauge, ran.run_stage.output, ran.run_stage.code, "python" in languages]))
    await client.close_session()
asyncio.run(main())
"""
_RSPY: Final = """
import asyncio, json, os, sys
from piston_rspy import Client, Executor, File
async def main():
    client = Client.with_url(sys.argv[1] + "/api/v2")
    runtimes = await client.fetch_runtimes()
    job = Executor().set_language("python").set_version("*").add_file(File("main.py", "print(input())")).set_stdin("rs")
    ran = await client.execute(job)
    names = [one.language for one in runtimes]
    print(json.dumps([ran.language, ran.run.output, ran.run.code, "python" in names, ran.is_ok()]), flush=True)
asyncio.run(main())
os._exit(0)  # its threads sometimes crash a Python that ends
"""
_PISTON_API: Final = """
const { PistonClient } = require("piston-api")
const client = new PistonClient({ baseUrl: process.argv[2] })
async function main() {
  const runtimes = await client.getRuntimes()
  const packages = await client.getPackages({ language: "python" })
  const ran = await client.run({ language: "python", version: "*", code: "print(input())", stdin: "npm" })
  console.log(JSON.stringify([ran.language, ran.run.output, ran.run.code, runtimes.length > 0, packages.length > 0]))
}
main()
"""


def older_python() -> str:
    """Return the version of a Python for which `piston_rspy` is built. It has none for 3.13 and later."""
    version = next(filter(is_installed, ("3.12", "3.11")), None)
    return version or leave_out("piston_rspy needs Python 3.11 or 3.12, which this machine lacks")


_CONVERSATION: Final = """
const { PistonClient } = require("piston-api")
const client = new PistonClient({ baseUrl: process.argv[2] })
const seen = []
client.on("sessionOutput", (id, output) => {
  seen.push(output)
  if (seen.join("") === "> ") client.sendInput(id, "2 + 3\\n")
  if (seen.join("") === "> = 5\\n> ") client.sendInput(id, "quit\\n")
})
client.on("sessionCompleted", (id, code) => console.log(JSON.stringify([seen.join(""), code])))
const program = `
while True:
    text = input("> ")
    if text == "quit":
        break
    print("=", eval(text))
`
client.runInteractive(program, "python")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that has the clients of npm."""
    return npm.install(tmp_path_factory.mktemp("npm"), *_NPM)


def run(*command: str | Path, cwd: Path) -> Any:
    """Return what a program prints as JSON."""
    environment = {"PATH": os.environ["PATH"]}
    ran = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize(
    ("package", "program", "printed"),
    [
        ("ultra-piston==1.0.1", _ULTRA, ["python", "ultra\n", 0, None]),
        ("aiopyston==1.2.1", _AIOPYSTON, ["python", "aio\n", 0, True]),
        ("piston_rspy==0.4.3", _RSPY, ["python", "rs\n", 0, True, True]),
    ],
)
def test_clients_of_pypi(package: str, program: str, printed: Any, tmp_path: Path, open_system: Up) -> None:
    interpreter = older_python() if "rspy" in package else sys.executable
    python = environment_with(package, tmp_path / "venv", interpreter)
    assert run(python, "-c", program, open_system.url, cwd=tmp_path) == printed


def test_the_client_of_npm(folder: Path, open_system: Up) -> None:
    (folder / "run.js").write_text(_PISTON_API)
    assert run("node", "run.js", open_system.url, cwd=folder) == ["python", "npm\n", 0, True, True]


def test_the_client_of_npm_converses(folder: Path, open_system: Up) -> None:
    (folder / "converse.js").write_text(_CONVERSATION)
    assert run("node", "converse.js", open_system.url, cwd=folder) == ["> = 5\n> ", 0]
