"""Schemathesis: the server answers good and bad requests as the OpenAPI document says."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from job_runner.batches.finisher import BatchFinisher
from shared.adapters.database.connection import Database
from shared.engine_api.codex import LimitBounds, SupportedLanguage
from shared.records.accounts.api_keys import Scope
from tests.factories import BRANDING
from tests.fixtures.postgres import owner_of
from tests.integration.api_service.process import ApiProcess, api_process
from tests.integration.rows import execute, make_key

# Each test runs the phases examples (those of the document), coverage (each bound and each type of each value), fuzzing
# (values at random) and stateful (calls that follow from the answers of others), with good and bad requests, over every
# operation. `schemathesis_hooks` says which requests are changed.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

OPERATOR: Final = "o" * 32
#: Examples of the fuzzing phase for each operation, and sequences of calls of the stateful phase.
SOME: Final = 20
MANY: Final = 50
HOOKS: Final = Path(__file__).with_name("schemathesis_hooks.py")
#: These calls have rules that no JSON schema has, such as that `entry` is the path of a file, that `test` is needed if
#: there are tests, or that a range begins inside the content: the schema allows some that are refused. All other checks
#: apply to them too.
SETTINGS: Final = f"""
hooks = "{HOOKS}"

[[operations]]
include-path-regex = "^/v1/(submissions|batches|submissions/[{{]id[}}]/runs)$"
include-method = "POST"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path-regex = "^/v1/submissions/[{{]id[}}]/(output|stderr|source)$"
checks.positive_data_acceptance.enabled = false

# A cursor is one that this server made.
[[operations]]
include-path-regex = "^/v1/problems$"
include-method = "GET"
checks.positive_data_acceptance.enabled = false

# No schema describes a zip.
[[operations]]
include-path-regex = "^/v1/problems/[{{]name[}}]$"
include-method = "PUT"
checks.positive_data_acceptance.enabled = false

# There is no engine.
[[operations]]
include-path-regex = "^/v1/run$"
include-method = "POST"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]

[parameters]
"header.Prefer" = "wait=0"
"""


async def explore(api: ApiProcess, folder: Path, *, key: str | None, examples: int) -> None:
    """Run all checks with good and bad requests. Fail with Schemathesis' report if it finds something."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{api.url}/openapi.json",
        "--mode=all", "--phases=examples,coverage,fuzzing,stateful", f"--max-examples={examples}", "--seed=7",
        "--continue-on-failure", "--generation-database=none", "--no-color",
    ]  # fmt: skip
    if key is not None:
        command += ["--header", f"Authorization: Bearer {key}"]
    # In a folder of its own, so that no developer's settings apply.
    (folder / "schemathesis.toml").write_text(SETTINGS)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    report = (await process.communicate())[0].decode()
    assert process.returncode == 0, report
    async with httpx.AsyncClient() as client:
        document = (await client.get(f"{api.url}/openapi.json", timeout=60)).json()
    operations = sum(len(path) for path in document["paths"].values())
    assert f"Tested: {operations}" in report
    assert "request.crashed" not in api.log


@pytest.fixture(autouse=True)
async def engine(database: Database) -> None:
    """Offer a language, as a runner reports it."""
    bounds = {name: LimitBounds(default=10, max=60) for name in ("cpu_s", "wall_s", "processes")}
    large = {name: LimitBounds(default=1 << 28, max=1 << 30) for name in ("memory_bytes", "output_bytes")}
    row = SupportedLanguage(language="py", info="3.11", compiled=False, limits={**bounds, **large})
    await execute(
        database,
        "INSERT INTO languages (code, info, seen_at, details) VALUES ('py', '3.11', now() + interval '1 day',"
        " CAST(:details AS jsonb))",
        details=row.model_dump_json(),
    )


@pytest.fixture(autouse=True)
async def finished_batches(database: Database) -> AsyncIterator[None]:
    """Finish batches as a runner does. Without it, the event stream of a cancelled batch would not end."""
    stop = asyncio.Event()
    batches = asyncio.create_task(BatchFinisher(owner_of(database), BRANDING, poll_interval=60).run(stop))
    yield
    stop.set()
    await batches


class TestManyRequests:
    async def test_with_a_key(self, tmp_path: Path, database: Database, database_url: str) -> None:
        key = await make_key(database, Scope.SUBMIT, Scope.READ)
        with api_process(tmp_path, database_url) as api:
            await explore(api, tmp_path, key=key, examples=MANY)

    async def test_with_the_operators_key(self, tmp_path: Path, database_url: str) -> None:
        with api_process(tmp_path, database_url, {"PRECIEUX_API_KEYS": OPERATOR}) as api:
            await explore(api, tmp_path, key=OPERATOR, examples=MANY)


@pytest.mark.parametrize("settings", [{}, {"PRECIEUX_API_KEYS": OPERATOR}], ids=["protected mode", "keys"])
async def test_some_requests_without_a_key(tmp_path: Path, database_url: str, settings: dict[str, str]) -> None:
    """Few of them are served: protected mode takes Schemathesis' header X-... for a proxy's."""
    with api_process(tmp_path, database_url, settings) as api:
        await explore(api, tmp_path, key=None, examples=SOME)
