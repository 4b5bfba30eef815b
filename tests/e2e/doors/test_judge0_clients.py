"""Clients of Judge0 from PyPI, each in its own environment, on a running system."""

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.judge0 import Door
from tests.fixtures.uv import environment_with

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

#: The program for the official client.
_SDK: Final = """
import os

import judge0

client = judge0.Client(endpoint=os.environ["URL"], headers={"X-Auth-Token": os.environ["TOKEN"]})
one = judge0.run(client=client, source_code="print(int(input()) * 2)", stdin="21", language=judge0.PYTHON)
assert (one.stdout, one.status) == ("42\\n", judge0.Status.ACCEPTED), one
cases = [judge0.TestCase("1", "2"), judge0.TestCase("2", "5"), judge0.TestCase("3", "6")]
several = judge0.run(
    client=client, source_code="print(int(input()) * 2)", test_cases=cases, language=judge0.PYTHON, memory_limit=100000
)
assert [each.status.value for each in several] == [3, 4, 3], several
files = judge0.Filesystem(content=[judge0.File(name="a.txt", content="from a file")])
one = judge0.run(
    client=client, source_code="print(open('a.txt').read())", additional_files=files, language=judge0.PYTHON
)
assert one.stdout == "from a file\\n", one
for language, source in {
    judge0.C: '#include <stdio.h>\\nint main(void) { puts("hi"); }',
    judge0.CPP: '#include <iostream>\\nint main() { std::cout << "hi" << std::endl; }',
    judge0.BASH: "echo hi",
}.items():
    one = judge0.run(client=client, source_code=source, language=language)
    assert one.stdout == "hi\\n", one
scripts = {"compile": "echo hi > greeting", "run": "cat greeting"}
project = judge0.Filesystem(content=[judge0.File(name=name, content=text) for name, text in scripts.items()])
one = judge0.run(client=client, source_code="", additional_files=project, language=judge0.MULTI_FILE)
assert one.stdout == "hi\\n", one
one = judge0.run(client=client, source_code="int main(", language=judge0.C)
assert one.status is judge0.Status.COMPILATION_ERROR, one
assert "error" in one.compile_output
many = [judge0.Submission(source_code="print(%d)" % n, language=judge0.PYTHON) for n in range(25)]
many = judge0.wait(client=client, submissions=judge0.async_run(client=client, submissions=many))
assert [each.stdout for each in many] == ["%d\\n" % n for n in range(25)]
assert {"version": "1.13.1"}.items() <= client.get_about().items()
assert client.config.max_cpu_time_limit == 15.0
assert len(client.get_statuses()) == 14
"""
_JUDGE0_CLIENT: Final = """
import asyncio
import os

from judge0_client import Judge0Client
from judge0_client.models.single_file_submission import SingleFileSubmission


async def main():
    async with Judge0Client(base_url=os.environ["URL"], auth_token=os.environ["TOKEN"]) as client:
        wanted = SingleFileSubmission(source_code="print(input())", language_id=71, stdin="é")
        created = await client.create_submission(wanted)
        while (one := await client.get_submission(created.token)).status.id < 3:
            await asyncio.sleep(0.1)
        assert one.stdout == "é\\n", one
        assert (await client.get_about()).version == "1.13.1"
        assert (await client.get_workers())[0].available > 0
        assert await client.get_isolate() and await client.get_license()


asyncio.run(main())
"""
_JUDGE0API: Final = """
import os

import judge0api

client = judge0api.Client(os.environ["URL"], auth_token=os.environ["TOKEN"])
one = judge0api.submission.submit(client, b"print(input())", 71, stdin=b"7", expected_output=b"7", memory_limit=64000)
assert (one.stdout, one.status["id"]) == (b"7\\n", 3), vars(one)
assert judge0api.submission.get(client, one.token).stdout == b"7\\n"
"""
_WRAPPER: Final = """
import os

from judge0_api_wrapper import CreateSubmission, Judge0, Status

judge0 = Judge0(os.environ["URL"], os.environ["TOKEN"], os.environ["TOKEN"])
assert judge0.languages[71].startswith("Python (3.")
one = judge0.submit(CreateSubmission(source_code="print(input())", language_id=71, stdin="7", memory_limit=64000))
judge0.wait_for_completion(one)
result = judge0.get_result(one)
assert (result.stdout, result.result) == ("7\\n", Status.ACCEPTED), result
batch = judge0.submit_batch([CreateSubmission(source_code="print(%d)" % n, language_id=71) for n in range(3)])
for one in batch:
    judge0.wait_for_completion(one)
assert [each.stdout for each in judge0.get_results(batch)] == ["0\\n", "1\\n", "2\\n"]
"""
_PROGRAMS: Final = {
    "judge0==0.0.8": (_SDK, "owner"),
    "judge0-client==0.4.0": (_JUDGE0_CLIENT, "owner"),
    "judge0api==0.1.20": (_JUDGE0API, "owner"),
    # This client sends the header for authorization too.
    "judge0-api-wrapper==1.1.3": (_WRAPPER, "operator"),
}


@pytest.mark.parametrize("package", _PROGRAMS)
def test_a_client_works(package: str, judge0: Door, tmp_path: Path) -> None:
    program, sender = _PROGRAMS[package]
    python = environment_with(package, tmp_path / "client")
    environment = {"PATH": os.environ["PATH"], "URL": judge0.url, "TOKEN": judge0.keys[sender]}
    ran = subprocess.run([python, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
