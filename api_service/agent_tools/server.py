"""Serves the tools by the library of the protocol. A fault of a call is a result, so that the model reads it."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from mcp import types
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from starlette.requests import Request

from api_service.agent_tools.results import LanguageResult, ProgramFile, failure, of_content, of_run, of_submission
from api_service.agent_tools.tools import INSTRUCTIONS, TOOLS, listed
from api_service.errors import error_of
from api_service.http.errors import ApiError, Fault, Kind, cut, invalid
from api_service.requests.validation import checked, is_clean
from shared.common.service.errors import TransientError
from shared.common.version import VERSION
from shared.engine_api.languages import ALIASES

#: Called after each test: how many have ended, and how many there are.
OnTest = Callable[[int, int], Awaitable[None]]
Context = ServerRequestContext[Any, Any]
#: A submission, and the files of its program.
Answer = tuple[Mapping[str, Any], Sequence[ProgramFile]]

_CACHED: Final = CacheHint(ttl_ms=300_000, scope="private")
#: A request of this server, for the log.
_REQUEST: Final = Request({"type": "http", "method": "POST", "path": "/mcp", "query_string": b"", "headers": []})
_UNKNOWN_LANGUAGE: Final = re.compile(r"It is not available here\. Available: (.*)\.", re.DOTALL)
_LATE: Final = "The run took over {:g} s, and was stopped: {}."
_SUBMIT: Final = "submit it with `submit_program`, and ask with `get_submission`"
_SHORTER: Final = "send a program that takes less, or fewer tests"
_STORED: Final = "Submission {} is stored, but cannot be read now; do not submit it again: ask with `get_submission`."


class Backend(Protocol):
    """The server behind the tools. It takes and returns what API v1 does, as JSON. All methods raise `ApiError`."""

    @property
    def tools(self) -> Collection[str]:
        """The names of the tools that it has."""

    async def languages(self) -> Sequence[Mapping[str, Any]]:
        """Return the languages."""

    async def run(self, content: dict[str, Any], on_test: OnTest) -> Mapping[str, Any]:
        """Run a program that is not stored, and return its run."""

    async def submit(self, content: dict[str, Any], wait_s: int) -> Answer:
        """Store a submission, wait for its result, and return it."""

    async def get(self, number: int, wait_s: int) -> Answer:
        """Return a submission after it has ended, or after a wait."""


def but_stored(number: int) -> ApiError:
    """Return the error of a submission that is stored, and whose result is not known."""
    return ApiError(Kind.UNAVAILABLE, _STORED.format(number))


class _Server(Server[Any]):
    """A server that has tools and nothing else: their list does not change while a client is connected."""

    def get_capabilities(self, *_: Any, **__: Any) -> types.ServerCapabilities:
        return types.ServerCapabilities(tools=types.ToolsCapability())


def make_server(backend_of: Callable[[Context], Awaitable[Backend]], *, wait_s: float) -> Server[Any]:
    """Return the server. `backend_of` returns the backend of a call; a run may take `wait_s` seconds."""

    async def list_tools(context: Context, _: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        backend = await backend_of(context)
        try:
            codes = [language["code"] for language in await backend.languages()]
        except (ApiError, TransientError):
            # The next call says what is wrong, where the model reads it. The library would pass on the error's text.
            codes = []
        return types.ListToolsResult(tools=listed(backend.tools, codes))

    async def call_tool(context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        backend = await backend_of(context)
        if params.name not in backend.tools:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {cut(params.name)}")
        arguments = params.arguments or {}
        try:
            return await _call(backend, params.name, arguments, context.session.report_progress, wait_s)
        except ApiError as exc:
            return failure(explained(exc, arguments))
        except Exception as exc:
            return failure(explained(await error_of(_REQUEST, exc), arguments))

    # It logs each request, and perhaps what a request has.
    logging.getLogger("mcp").setLevel(logging.WARNING)
    server = _Server(
        "precieux",
        title="Precieux",
        version=VERSION,
        instructions=INSTRUCTIONS,
        cache_hints={"tools/list": _CACHED, "server/discover": _CACHED},
        # No argument is repeated in a header, so the library need not list the tools at each call.
        get_tool_input_schema=lambda _: None,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    # It makes a span of each request, which would hold what no log may hold.
    server.middleware.clear()
    return server


async def _call(
    backend: Backend, tool: str, arguments: dict[str, Any], on_test: OnTest, wait_s: float
) -> types.CallToolResult:
    content = await _checked(backend, tool, arguments)
    wait = int(content.pop("wait_s", 0))
    match tool:
        case "run_code":
            try:
                async with asyncio.timeout(wait_s):
                    return of_run(await backend.run(content, on_test))
            except TimeoutError:
                other = _SUBMIT if "submit_program" in backend.tools else _SHORTER
                return failure(_LATE.format(wait_s, other))
        case "submit_program":
            return of_submission(*await backend.submit(content, wait))
        case "get_submission":
            return of_submission(*await backend.get(content["id"], wait))
    languages = await backend.languages()
    names = LanguageResult.model_fields
    return of_content({"languages": [{name: language[name] for name in names} for language in languages]})


async def _checked(backend: Backend, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that are not null, `code` as `source`. Raises `ApiError` with all faults of single keys."""
    model, _ = TOOLS[tool]
    faults = checked(model, arguments).faults
    if not faults:
        keys = {"source" if name == "code" else name: value for name, value in arguments.items()}
        return {name: value for name, value in keys.items() if value is not None}
    if "code" in model.model_fields:
        faults += await _faults_of_rules(backend, arguments)
    raise invalid(faults)


async def _faults_of_rules(backend: Backend, arguments: Mapping[str, Any]) -> list[Fault]:
    """Return the faults that the rules of API v1 find only if no key has a fault by itself."""
    faults = []
    if (arguments.get("code") is None) == (arguments.get("files") is None):
        faults.append(Fault("Send exactly one of `source` and `files`.", pointer=""))
    name = arguments.get("language")
    if isinstance(name, str) and is_clean(name):
        languages = await backend.languages()
        names = {word.lower() for language in languages for word in _names_of(language)}
        if name.lower() not in names:
            codes = ", ".join(language["code"] for language in languages)
            faults.append(Fault(f"It is not available here. Available: {codes}.", pointer="/language"))
    return faults


def _names_of(language: Mapping[str, Any]) -> Iterator[str]:
    yield from (language["code"], language["name"], *language["aliases"], *ALIASES.get(language["code"], ()))
    for variant in language["variants"]:
        yield from (variant["code"], variant["name"])


def explained(error: ApiError, arguments: Mapping[str, Any]) -> str:
    """Return what is wrong with a call and what to change: one sentence for each fault, with the argument's name."""
    sentences = [_sentence(fault, arguments) for fault in error.faults] or [error.detail]
    seconds = error.headers.get("Retry-After")
    if seconds is not None:
        sentences.append(f"Try again in {seconds} s.")
    return "\n".join(cut(sentence) for sentence in sentences)


def _sentence(fault: Fault, arguments: Mapping[str, Any]) -> str:
    steps = (fault.pointer or "").split("/")[1:]
    if steps == ["source"] and "source" not in arguments:
        steps = ["code"]
    elif not steps:
        steps = ["code" if "`source`" in fault.detail else "arguments"]
    name = "".join(f"[{step}]" if step.isdecimal() else f".{step}" for step in steps).removeprefix(".")
    detail = fault.detail.replace("`source`", "`code`") if len(steps) == 1 else fault.detail
    if steps == ["language"] and (named := _UNKNOWN_LANGUAGE.fullmatch(detail)):
        detail = f"'{arguments['language']}' is not one of {named[1]}."
    return f"{name}: {detail}"
