"""Answers the calls of the tests in the student's box. Nothing here is trusted: the student's code may replace it, and
can then give other answers, and no more (`docs/security.md`)."""

import builtins
import contextlib
import fcntl
import functools
import importlib
import importlib.util
import json
import operator
import os
import sys
import threading
import types
from collections.abc import Callable, Sequence
from typing import Any, Final

from executor.unit_tests.boxes.streams import HIGH, AskingStream, BoundedStream
from executor.unit_tests.boxes.values import MAX_HANDLES, MAX_LINE, Packer, Unpacker

_WORK: Final = "/box/work"
#: Bytes of the largest write after which a program counts as over its limit of output, and not as failed.
_MARGIN: Final = 1 << 20
#: Modules that each Python has at its start, so that a file of their name is never imported.
_AT_START: Final = {"abc", "builtins", "codecs", "io", "os", "site", "stat", "sys"}
#: The flag of a coroutine function's code (`inspect.CO_COROUTINE`).
_IS_ASYNC: Final = 0x80
_OPERATORS: Final[dict[str, Callable[..., Any]]] = {
    **{name: getattr(operator, name) for name in operator.__all__ if not name.startswith("_")},
    **{name: getattr(builtins, name) for name in (
        "str", "repr", "format", "len", "bool", "int", "float", "complex", "abs", "round", "iter", "next", "reversed",
        "isinstance", "issubclass", "dir",
    )},
    **dict.fromkeys(("call", "resume"), lambda function, args, kwargs: function(*args, **dict(kwargs))),
    "get": lambda value, name: _attribute(value, name),
    "own": lambda value, name: getattr(value, "__dict__", {})[name],
    "set": setattr,
    "del": delattr,
    "has": lambda value, *names: all(hasattr(value, name) for name in names),
    "is_of": lambda value, module, name: isinstance(value, getattr(importlib.import_module(module), name)),
    "await": lambda coroutine: importlib.import_module("asyncio").run(_finish(coroutine)),
    "enter": lambda manager: type(manager).__enter__(manager),
    "exit": lambda manager, *details: type(manager).__exit__(manager, *details),
    "copy": lambda value: importlib.import_module("copy").copy(value),
    "deepcopy": lambda value: importlib.import_module("copy").deepcopy(value),
    "folder": lambda: importlib.import_module("pathlib").Path(_WORK),
    "new_folder": lambda: importlib.import_module("pathlib").Path(importlib.import_module("tempfile").mkdtemp()),
}  # fmt: skip


#: The modules whose exceptions are the same on both sides.
_OF_LANGUAGE: Final = ("builtins", "decimal", "json.decoder", "queue", "_queue", "dataclasses")


async def _finish(coroutine: Any) -> Any:
    return await coroutine


class _Callback:
    """A function of the tests. It can be called, and nothing else."""

    __name__ = __qualname__ = "function"

    def __init__(self, agent: "Agent", number: int) -> None:
        self._of_agent = agent, number

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        agent, number = self._of_agent
        return agent.ask({"callback": number}, args, kwargs)

    def __get__(self, instance: object, owner: object = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)


class _Items(_Callback):
    """An iterator of the tests."""

    def __iter__(self) -> "_Items":
        return self

    def __next__(self) -> Any:
        return self()


class Agent:
    """`settings` has the `entry`, its `alias` (the name by which the tests import it, or None), the `files` of the
    program and the bytes of its output (`output_bytes`)."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._lines = open(fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, HIGH), "rb")  # noqa: SIM115
        self._relay = open(fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, HIGH), "wb")  # noqa: SIM115
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        size = settings["output_bytes"] + _MARGIN
        self._outputs = {"out": BoundedStream(1, size), "err": BoundedStream(2, size)}
        self._handles: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._next = 1
        self._thread = threading.get_ident()
        self._can_do = _OPERATORS | {
            "start": self._start, "import": self._import, "public": self._public, "reload": self._reload,
        }  # fmt: skip
        #: The request that is being answered, and the arguments of it that have numbers.
        self._open: tuple[str, list[Any]] = "", []
        os.register_at_fork(after_in_child=self._leave)
        sys.stdin = AskingStream(self.ask)
        builtins.input = self._input

    def serve(self) -> None:
        """Answer until the tests have ended."""
        while line := self._lines.readline():
            self._answer(json.loads(line))

    def ask(self, what: dict[str, Any], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Return what a function of the tests returns, or raise what it raises. Meanwhile the tests may call."""
        number, known = self._open
        if not number or threading.get_ident() != self._thread:
            raise RuntimeError("The tests answer while they call, and in the thread of the call only.")
        packer = Packer(self._pack_other, known)
        self._send({"id": number, **what, "with": packer.pack((tuple(args), tuple((kwargs or {}).items())))})
        while message := json.loads(self._lines.readline() or "null"):
            if "do" not in message:
                break
            opened = self._open
            self._answer(message)
            self._open = opened
        else:
            os._exit(0)  # the tests have ended
        if "raise" in message:
            exception = Unpacker(self._make_other).unpack(message["raise"])
            exception._of_tests = message["number"]
            raise exception
        return Unpacker(self._make_other, known).unpack(message["value"])

    def _answer(self, request: dict[str, Any]) -> None:
        for number in request["drop"]:
            self._numbers.pop(id(self._handles.pop(number, None)), None)
        unpacker = Unpacker(self._make_other)
        known: list[Any] = []
        try:
            operands = unpacker.unpack(request["with"])
            known = unpacker.known
            packer = Packer(self._pack_other, known)
            before = [packer.contents(value) for value in known]
            self._open = request["id"], known
            answer = {"value": packer.pack(self._can_do[request["do"]](*operands))}
        except BaseException as exc:
            answer = {"raise": self._describe(exc)}
        self._open = "", []
        for number, value in enumerate(known):
            with contextlib.suppress(Exception):  # what cannot be copied stays as it was
                if (now := packer.contents(value)) != before[number]:
                    answer.setdefault("left", {})[str(number)] = now
        self._send({"id": request["id"], **answer})

    def _send(self, message: dict[str, Any]) -> None:
        if self._relay.closed:
            os._exit(0)
        for name, output in self._outputs.items():
            if text := output.take():
                message[name] = text
        line = json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        if len(line) > MAX_LINE:
            line = json.dumps({"id": message["id"], "long": True}).encode() + b"\n"
        self._relay.write(line)
        self._relay.flush()

    def _start(self, *names: str) -> list[str | None]:
        """Import the modules of these names, and return of each why that failed, or None."""
        sys.path.insert(0, os.path.dirname(f"{_WORK}/{self._settings['entry']}"))
        sys.path.insert(1, _WORK)
        own = {path.partition("/")[0].removesuffix(".py") for path in self._settings["files"]}
        for name in {*own, self._settings["alias"]} - _AT_START:  # we may use modules of these names
            sys.modules.pop(name, None)
        return [self._import(name) for name in names]

    def _reload(self, module: Any) -> None:
        if module.__name__ == self._settings["alias"]:
            module.__spec__.loader.exec_module(module)
        else:
            importlib.reload(module)

    def _public(self, name: str) -> list[str]:
        module = self._module(name)
        return list(getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")])

    def _import(self, name: str) -> str | None:
        """Import a module, and return why that failed, or None."""
        files = self._settings["files"]
        try:
            self._module(name)
        except ModuleNotFoundError as exc:
            if exc.name == name:
                return f"There is no module `{name}` in this submission: it has {', '.join(sorted(files))}."
            return self._explain(name, exc)
        except BaseException as exc:
            return self._explain(name, exc)
        return None

    def _explain(self, name: str, exc: BaseException) -> str:
        file = self._settings["entry"] if name == self._settings["alias"] else f"{name.replace('.', '/')}.py"
        lines = [f"line {line}" for _, line, _ in _lines_of(exc)[-1:]]
        if isinstance(exc, SyntaxError):
            return f"{file} could not be imported: {type(exc).__name__}: {exc.msg}, line {exc.lineno}"
        return ", ".join([f"{file} could not be imported: {type(exc).__name__}: {_text_of(exc)}", *lines])

    def _module(self, name: str) -> Any:
        if name != self._settings["alias"] or name in sys.modules:
            return importlib.import_module(name)
        spec = importlib.util.spec_from_file_location(name, f"{_WORK}/{self._settings['entry']}")
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            sys.modules.pop(name, None)
            raise
        return module

    def _input(self, *prompt: object) -> str:
        line = str(self.ask({"input": "input"}, [str(part) for part in prompt]))
        return line.removesuffix("\n")

    def _pack_other(self, value: Any) -> Any:
        if isinstance(value, _Callback):
            return {"callback": value._of_agent[1]}
        if isinstance(value, type) and issubclass(value, BaseException):
            return {"exception": self._bases(value)}
        kind = "object"
        if isinstance(value, type):
            kind = "class"
        elif getattr(getattr(value, "__code__", None), "co_flags", 0) & _IS_ASYNC:
            kind = "async"
        elif hasattr(type(value), "__await__"):
            kind = "awaitable"
        elif callable(value):
            kind = "callable"
        of_class = type(value)
        return {"handle": [self._number_of(value), kind, of_class.__name__, self._numbers.get(id(of_class), 0)]}

    def _bases(self, kind: type) -> list[Any]:
        """Return a class of exceptions: the name of one of the language, or else its name, handle and bases."""
        if kind.__module__ in _OF_LANGUAGE and not kind.__name__.startswith("_"):
            return [kind.__name__]
        bases = [self._bases(base) for base in kind.__bases__ if issubclass(base, BaseException)]
        return [kind.__name__, self._number_of(kind), *bases]

    def _number_of(self, value: Any) -> int:
        if id(value) not in self._numbers:
            if len(self._handles) >= MAX_HANDLES:
                raise ValueError(f"The tests hold more than {MAX_HANDLES:,} objects of the program.")
            self._numbers[id(value)] = self._next
            self._handles[self._next] = value
            self._next += 1
        return self._numbers[id(value)]

    def _make_other(self, tag: str, content: Any) -> Any:
        if tag == "handle":
            return self._handles[content]
        if tag == "name":
            module, *names = content
            return functools.reduce(_attribute, names, self._module(module))
        if tag == "callback":
            return (_Items if content[1] else _Callback)(self, content[0])
        if tag == "exception":
            kind, args = Unpacker(self._make_other).unpack(content)
            return kind(*args)
        raise ValueError(tag)

    def _describe(self, exc: BaseException) -> dict[str, Any]:
        if hasattr(exc, "_of_tests"):
            return {"same": exc._of_tests}
        packer = Packer(_refuse)
        cause = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
        attributes = {
            name: getattr(exc, name, None) for name in ("filename", "msg", "doc", "pos", "lineno", "colno", "code")
        }
        attributes |= getattr(exc, "__dict__", {})
        packed = {}
        for name, value in attributes.items():
            with contextlib.suppress(Exception):
                packed[name] = packer.pack(value)
        try:
            args: Any = packer.pack(list(exc.args))
        except Exception:
            args = [_text_of(exc)]
        return {
            "class": self._bases(type(exc)), "args": args, "text": _text_of(exc), "attributes": packed,
            "cause": f"{type(cause).__name__}: {_text_of(cause)}" if cause else None, "lines": _lines_of(exc),
        }  # fmt: skip

    def _leave(self) -> None:
        """Let a child process have no part in the conversation."""
        self._open = "", []
        self._relay.close()
        os.close(self._lines.fileno())


def _attribute(value: Any, name: str) -> Any:
    """Return an attribute, which of a package may be a module that nobody has imported yet."""
    try:
        return getattr(value, name)
    except AttributeError:
        if not isinstance(value, types.ModuleType) or not hasattr(value, "__path__"):
            raise
    return importlib.import_module(f"{value.__name__}.{name}")


def _refuse(value: Any) -> Any:
    raise ValueError("not plain")


def _text_of(exc: BaseException) -> str:
    try:
        return str(exc)[:4000]
    except BaseException:
        return ""


def _lines_of(exc: BaseException) -> list[tuple[str, int, str]]:
    """Return file, line and function of each frame that is the program's."""
    lines, traceback = [], exc.__traceback__
    while traceback:
        code, line = traceback.tb_frame.f_code, traceback.tb_lineno
        if code.co_filename.startswith(f"{_WORK}/"):
            lines.append((code.co_filename.removeprefix(f"{_WORK}/"), line, code.co_name))
        traceback = traceback.tb_next
    return lines[-10:]


def main() -> None:
    """Serve the tests with the settings that the executor has given."""
    with open("/box/given/settings.json") as file:
        agent = Agent(json.load(file))
    for name in [name for name in sys.modules if name.partition(".")[0] == "executor"]:
        del sys.modules[name]
    agent.serve()
