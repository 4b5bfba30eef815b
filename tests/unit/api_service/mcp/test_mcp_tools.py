"""The tools of the MCP server, as a client of the library sees them, with a backend that plays."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from unittest.mock import AsyncMock

import httpx
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, TextContent

from api_service.agent_tools.forward import ForwardBackend
from api_service.agent_tools.results import ProgramFile, SubmissionResult, of_run, of_submission
from api_service.agent_tools.server import Answer, Backend, OnTest, make_server
from api_service.agent_tools.tools import TOOLS, listed
from api_service.http.errors import ApiError, Fault, Kind, invalid
from api_service.v1.reads.transient_run import TransientResult
from shared.common.service.errors import DatabaseUnavailable
from shared.engine_api.event_lines import RunEvent
from shared.engine_api.run_call.events import JudgeFailed, Started
from tests.factories import ended_test

STARTED: Final = Started(language="py", info="Python 3.13.5", compile=None, run="python3 main.py")
_PYTHON: Final = {"code": "py", "name": "Python", "aliases": ["python"], "version": "3.13.5", "libraries": []}
LANGUAGES: Final = [{**_PYTHON, "fault": None, "variants": [{"code": "pypy", "name": "PyPy"}]}]


class PlayedBackend:
    """Answers runs by `answer`, or raises it. `asked` has what was asked last."""

    tools = tuple(TOOLS)

    def __init__(self, answer: dict[str, Any] | Exception | None = None) -> None:
        self.answer = answer
        self.asked: Any = None

    async def languages(self) -> list[dict[str, Any]]:
        return LANGUAGES

    async def run(self, content: dict[str, Any], on_test: OnTest) -> dict[str, Any]:
        self.asked = content
        if isinstance(self.answer, Exception):
            raise self.answer
        assert self.answer is not None
        return self.answer

    async def submit(self, content: dict[str, Any], wait_s: int) -> Answer:
        self.asked = (content, wait_s)
        raise ApiError(Kind.UNAVAILABLE, "Too many wait.", headers={"Retry-After": "7"})

    async def get(self, number: int, wait_s: int) -> Answer:
        raise RuntimeError("a secret of this server")


def client_of(backend: Backend, **how: Any) -> Client:
    async def backend_of(_: object) -> Backend:
        return backend

    return Client(make_server(backend_of, wait_s=5.0), **how)


def run_of(*events: RunEvent) -> dict[str, Any]:
    """Return the run that these events are, as API v1 shows it."""
    result = TransientResult((), is_interactive=False)
    for event in events:
        result.add(event)
    return result.run().model_dump(mode="json")


async def called(backend: PlayedBackend, tool: str, arguments: dict[str, Any], **how: Any) -> CallToolResult:
    async with client_of(backend) as client:
        return await client.call_tool(tool, arguments, **how)


def text_of(result: CallToolResult) -> str:
    """Return the only text of a result that is an error."""
    [text] = result.content
    assert isinstance(text, TextContent)
    assert (result.is_error, result.structured_content) == (True, None)
    return text.text


def _objects(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (schema, *schema.get("$defs", {}).values())


def validator(schema: object) -> Any:
    # Its import takes a second, and each worker imports this module.
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_schemas_are_valid_closed_and_described() -> None:
    tools = listed(TOOLS, ["py", "c"])
    assert [tool.name for tool in tools] == ["run_code", "submit_program", "get_submission", "list_languages"]
    assert "Languages: py, c." in str(tools[0].description)
    for tool in tools:
        assert validator(tool.input_schema)
        assert validator(tool.output_schema)
        for schema in _objects(tool.input_schema):
            assert schema["additionalProperties"] is False
            assert all(key["description"] for key in schema["properties"].values()), schema
            # These are no tools.
            assert "GET /" not in json.dumps(schema)


async def test_a_result_has_all_keys_and_is_given_as_text_too() -> None:
    artifacts = [
        {"name": "plot.png", "content": "iVBORw0KGgo="},
        {"name": "a b.csv", "content": "MSwy"},
        {"name": "data.bin", "content": "_w=="},
    ]
    ended = ended_test(stdout="x" * 70_000, artifacts=artifacts, artifacts_left_out={"too_many": 2})
    backend = PlayedBackend(run_of(STARTED, ended))
    result = await called(backend, "run_code", {"language": "py", "code": "1", "args": None})
    assert backend.asked == {"language": "py", "source": "1"}
    run = result.structured_content
    validator(listed(["run_code"], [])[0].output_schema).validate(run)
    assert (run["verdict"], run["error"], run["tests"], len(run["stdout"])) == ("ok", None, None, 65_536)
    assert (run["truncated"], run["engine"]) == (["stdout"], {"language": "py", "version": "3.13.5"})
    assert [(file["name"], file["bytes"]) for file in run["artifacts"]] == [
        ("plot.png", 8), ("a b.csv", 3), ("data.bin", 1),
    ]  # fmt: skip
    assert run["artifacts_left_out"] == {"too_many": 2}
    text, image, resource = (block.model_dump(by_alias=True, exclude_none=True) for block in result.content)
    assert json.loads(text["text"]) == run
    assert (image["mimeType"], image["data"]) == ("image/png", "iVBORw0KGgo=")
    assert resource["resource"] == {"uri": "file:///out/a%20b.csv", "mimeType": "text/plain", "text": "1,2"}


@pytest.mark.parametrize(
    ("arguments", "sentences"),
    [
        ({}, ["language: It is missing; send it with the request.", "code: Send exactly one of `code` and `files`."]),
        (
            {"language": "klingon", "code": 5, "email": "a@b.example"},
            [
                "code: It must be a string.",
                "email: There is no such key or parameter; check the spelling, or leave it out.",
                "language: 'klingon' is not one of py.",
            ],
        ),
        ({"language": "PyPy", "code": "1", "tests": [{"stdin": 5}]}, ["tests[0].stdin: It must be a string."]),
        ({"language": "\ud800", "code": "1"}, ["language: It must be text in UTF-8, without a NUL character"]),
        (
            {"language": "py", "code": "1", "files": [{"path": "a.py", "content": "1"}], "stdin": 5},
            ["stdin: It must be a string.", "code: Send exactly one of `code` and `files`."],
        ),
        ({"language": "py", "source": "1"}, ["source: There is no such key", "code: Send exactly one of `code` and"]),
        ({"code": "1", **{f"key{number}": 1 for number in range(100)}}, ["arguments: It must have at most 64 keys."]),
    ],
)
async def test_all_faults_of_a_call_are_told_with_their_arguments(
    arguments: dict[str, Any], sentences: list[str]
) -> None:
    lines = text_of(await called(PlayedBackend(), "run_code", arguments)).splitlines()
    assert all(line.startswith(sentence) for line, sentence in zip(lines, sentences, strict=True)), lines


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_tools_are_listed_without_a_database(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = PlayedBackend()
    monkeypatch.setattr(backend, "languages", AsyncMock(side_effect=DatabaseUnavailable("its address")))
    async with client_of(backend, mode=mode) as client:
        assert len((await client.list_tools()).tools) == 4
        failed = await client.call_tool("list_languages", {})
    assert text_of(failed).startswith("A dependency is temporarily unavailable")


@pytest.mark.parametrize(
    "answer", [httpx.Response(308, headers={"Location": "https://x"}), httpx.Response(200, html="<p>")], ids=str
)
@pytest.mark.parametrize("tool", ["run_code", "list_languages"])
async def test_a_server_of_something_else_is_told(answer: httpx.Response, tool: str) -> None:
    transport = httpx.MockTransport(lambda _: answer)
    backend = ForwardBackend(httpx.AsyncClient(transport=transport, base_url="http://here"))
    async with client_of(backend) as client:
        failed = await client.call_tool(tool, {"language": "py", "code": "1"} if tool == "run_code" else {})
    assert text_of(failed).endswith(f"HTTP {answer.status_code}, but not as Precieux does; check its address.")


async def test_a_lost_connection_does_not_hide_what_is_stored() -> None:
    async def submit(waited: httpx.Response | httpx.HTTPError) -> Answer:
        def answer(request: httpx.Request) -> httpx.Response:
            if (request.method, request.url.raw_path) == ("POST", b"/v1/submissions"):
                return httpx.Response(201, json={"id": 17})
            assert request.url.raw_path == b"/v1/submissions/17?wait=9"
            if isinstance(waited, Exception):
                raise waited
            return waited

        transport = httpx.MockTransport(answer)
        backend = ForwardBackend(httpx.AsyncClient(transport=transport, base_url="http://here"))
        return await backend.submit({"language": "py", "source": "1"}, 9)

    with pytest.raises(ApiError, match="Submission 17 is stored, but cannot be read now"):
        await submit(httpx.ReadError("reset"))
    # The key may submit, and not read.
    assert await submit(httpx.Response(403, json={"detail": "It lacks the scope."})) == ({"id": 17}, ())


async def test_refusals_are_results() -> None:
    unknown = Fault("It is not available here. Available: c, py.", pointer="/language")
    backend = PlayedBackend(invalid([unknown, Fault("It is empty; send the program.", pointer="/source")]))
    refused = await called(backend, "run_code", {"language": "d", "code": " "})
    assert text_of(refused) == "language: 'd' is not one of c, py.\ncode: It is empty; send the program."
    busy = await called(backend, "submit_program", {"language": "py", "code": "1", "wait_s": 3})
    assert text_of(busy) == "Too many wait.\nTry again in 7 s."
    assert backend.asked == ({"language": "py", "source": "1"}, 3)
    assert "secret" not in text_of(await called(backend, "get_submission", {"id": 1}))
    async with client_of(backend) as client:
        with pytest.raises(MCPError, match="Unknown tool: no_tool") as raised:
            await client.call_tool("no_tool", {})
    assert raised.value.error.code == -32602


@pytest.mark.parametrize(
    ("events", "verdict", "error"),
    [
        ([ended_test(verdict="time_limit", error="Stopped.")], "time_limit", "Stopped."),
        ([ended_test(verdict="runtime_error", error="Exited with code 3.", exit_code=3)], "runtime_error", None),
        ([JudgeFailed(judge="checker", judge_message="main.py:1: error")], "judge_error", "main.py:1: error"),
    ],
)
def test_only_what_the_program_did_not_do_has_a_sentence(
    events: list[RunEvent], verdict: str, error: str | None
) -> None:
    run = of_run(run_of(*events)).structured_content
    assert (run["verdict"], run["error"]) == (verdict, error)


def test_images_of_a_stored_run_come_with_their_links() -> None:
    run = {**run_of(STARTED, ended_test(artifacts=[{"name": "plot.png", "content": "iVBORw0KGgo="}])), "number": 1}
    kept = dict.fromkeys(SubmissionResult.model_fields) | {"id": 1, "state": "finished", "language": "py", "run": run}
    files = [
        ProgramFile("plot.png", "image/png", "iVBORw0KGgo=", "http://here/1"),
        ProgramFile("a.txt", "text/plain", url="http://here/2"),
    ]
    result = of_submission(kept, files)
    assert [block.type for block in result.content] == ["text", "image", "resource_link", "resource_link"]
    assert result.structured_content["run"]["artifacts"] == [
        {"name": "plot.png", "bytes": 8, "media_type": "image/png"}
    ]
