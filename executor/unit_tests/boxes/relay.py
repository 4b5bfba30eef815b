"""Calls the program from the tests' box. What comes over the relay is data: it is decoded into plain values and
handles, with bounds, and never run, imported, or used as the name of anything."""

import builtins
import contextlib
import dataclasses
import decimal
import inspect
import io
import json
import os
import queue
import sys
import threading
import types
import unittest
import weakref
from collections.abc import Callable
from typing import Any, Final, NoReturn

from executor.unit_tests.boxes.values import MAX_LINE, BrokenProtocol, Packer, Unpacker, restore

#: Bytes of each output of a test that are kept.
_KEPT: Final = 65536
FOLDER: Final = "/box/work/"
_MODULES: Final = (builtins, decimal, json, queue, dataclasses)
#: The exceptions that arrive as themselves. All others that are no `Exception` are a `StudentError`.
EXCEPTIONS: Final[dict[str, type[BaseException]]] = {
    name: value
    for module in _MODULES
    for name, value in vars(module).items()
    if isinstance(value, type) and (issubclass(value, Exception) or value is SystemExit)
}
_INPUT: Final = builtins.input
#: What is asked of generators and iterators only.
_MAY_STOP: Final = frozenset({"next", "resume"})
_KEYS: Final = frozenset({"id", "value", "raise", "callback", "input", "with", "left", "out", "err", "long"})


class StudentError(Exception):
    """What the student's code raised, if it is no `Exception`."""

    _student_lines: list[Any]


class NotImported(StudentError):
    """A module of the student's could not be imported."""


class StandIn(type):
    """The class of a class of exceptions of the student's, which stands for it in the tests."""

    _number: int

    def __instancecheck__(cls, value: Any) -> bool:
        return super().__instancecheck__(value) or (
            isinstance(value, Remote) and the().ask("isinstance", value, cls) is True
        )

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return the().ask("get", cls, name)


class Remote:
    """What lives in the student's box. `_ref` is its number, or the path of a name (`student`, `add`)."""

    __slots__ = ()
    _ref: Any
    #: The line of the tests that took a name before the program may be used.
    where: str | None = None


def line_of_tests() -> str | None:
    """Return the line of a file of the tests that is running; None if none is."""
    frame: types.FrameType | None = sys._getframe()
    while frame and not frame.f_code.co_filename.startswith(FOLDER):
        frame = frame.f_back
    return f"{frame.f_code.co_filename.removeprefix(FOLDER)}, line {frame.f_lineno}" if frame else None


def decides(exc: BaseException | None) -> bool:
    """Return True if the exception decides of a test: nothing that a program does may keep it from that."""
    return exc is not None and (not isinstance(exc, Exception) or isinstance(exc, AssertionError | unittest.SkipTest))


def _stops(exc: BaseException) -> bool:
    """Return True if the exception is of the program, and would end a loop or a `map` of the tests."""
    return isinstance(exc, StopIteration | StopAsyncIteration) and hasattr(exc, "_student_lines")


def the() -> "Relay":
    """Return the relay of this box."""
    assert Relay.current
    return Relay.current


class Relay:
    """`lose` ends this box, because the other one has ended or has broken the protocol. `make` makes a handle of its
    number, kind and class."""

    current: "Relay | None" = None

    def __init__(
        self,
        reader: int,
        writer: int,
        lose: Callable[[str], NoReturn],
        output_bytes: int,
        make: Callable[[int, str, str, int], Remote],
    ) -> None:
        Relay.current = self
        self._lines = os.fdopen(reader, "rb", 1 << 16)
        self._writer = os.fdopen(writer, "wb")
        self._lose = lose
        self._output_bytes = output_bytes
        self._lock = threading.RLock()
        self._dropped: list[int] = []
        self._callbacks: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._raised: list[BaseException] = []
        self._pending: BaseException | None = None
        self._classes: dict[int, Any] = {}
        self._handles: weakref.WeakValueDictionary[int, Remote] = weakref.WeakValueDictionary()
        self._make = make
        #: True until the program may be used; then why its modules could not be imported.
        self.is_listing = True
        self.is_importing = False
        self.failures: dict[str, str] = {}
        #: The classes of the student's that the tests have taken by name.
        self.taken: set[int] = set()
        self.outputs = {"out": "", "err": ""}
        self._written = {"out": 0, "err": 0}

    def ask(self, do: str, *operands: Any) -> Any:
        """Return the answer of the student's box, or raise what its code raised."""
        if self.is_listing:
            self._refuse(operands)
        with self._lock:
            packer = Packer(self._pack_other, tracks=True)
            try:
                packed = {"tuple": [packer.pack(operand) for operand in operands]}
            except ValueError as exc:
                raise ValueError(str(exc).replace("It has", "The argument has", 1)) from None
            number = os.urandom(8).hex()
            dropped, self._dropped = self._dropped, []
            self._send({"id": number, "do": do, "with": packed, "drop": dropped})
            has_raised, answer = self._answer(number, packer.known)
            if self._pending:
                pending, self._pending = self._pending, None
                raise pending
            if has_raised and do not in _MAY_STOP and _stops(answer):
                raise RuntimeError(f"The program raised {type(answer).__name__}.") from answer
            if has_raised:
                raise answer
            return answer

    def take_outputs(self) -> dict[str, Any]:
        """Return what the program has written since the last time, and which of it was cut."""
        cut = [name for name, size in self._written.items() if size > _KEPT]
        is_over = max(self._written.values()) > self._output_bytes
        taken = {**self.outputs, "cut": cut, "is_over": is_over}
        self.outputs, self._written = {"out": "", "err": ""}, {"out": 0, "err": 0}
        return taken

    def drop(self, number: int) -> None:
        """Let the student's box forget an object, with the next request."""
        self._dropped.append(number)

    def _refuse(self, operands: tuple[Any, ...]) -> NoReturn:
        taken_at = next((value.where for value in operands if isinstance(value, Remote) and value.where), None)
        where = line_of_tests() or taken_at
        raise AttributeError(  # `hasattr` catches no other
            f"{where}: the tests are listed without the student's program, so its values can be used in tests and"
            " fixtures only."
        )

    def _send(self, message: dict[str, Any]) -> None:
        line = json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        if len(line) > MAX_LINE:
            raise ValueError(f"The argument has more than {MAX_LINE >> 20} MiB.")
        try:
            self._writer.write(line)
            self._writer.flush()
        except BrokenPipeError:
            self._lose("ended")

    def _answer(self, number: str, known: list[Any]) -> tuple[bool, Any]:
        """Return whether the student's code has raised, and what it has raised or returned."""
        while True:
            line = self._lines.readline(MAX_LINE + 1)
            if not line:
                self._lose("ended")
            if len(line) > MAX_LINE:
                self._lose("long")
            try:
                message = json.loads(line)
                if message["id"] != number or not message.keys() <= _KEYS:
                    raise BrokenProtocol("it answers another request")
                if "long" in message:
                    self._lose("long")
                for name in ("out", "err"):
                    self._write(name, message.get(name, ""))
                unpacker = Unpacker(self._make_other, known)
                if "callback" in message or "input" in message:
                    args, kwargs = unpacker.unpack(message["with"])
                    function = self._function(message)
                else:
                    for position, left in message.get("left", {}).items():
                        restore(known[int(position)], unpacker.unpack(left))
                    if "raise" in message:
                        return True, self._exception(message["raise"])
                    return False, unpacker.unpack(message["value"])
            except Exception:
                self._lose("broken")
            self._send({"id": number, **self._call(function, args, dict(kwargs), known)})

    def _function(self, message: dict[str, Any]) -> Callable[..., Any]:
        if "callback" in message:
            target = self._callbacks[message["callback"]]
            return target if callable(target) else lambda: next(target)
        kinds: dict[str, Callable[..., Any]] = {"input": self._input, "readline": self._read_line, "read": _read_all}
        return kinds[message["input"]]

    def _call(self, function: Callable[..., Any], args: Any, kwargs: Any, known: list[Any]) -> dict[str, Any]:
        """Call a function of the tests for the student's code, and return the answer."""
        try:
            return {"value": Packer(self._pack_other, known).pack(function(*args, **kwargs))}
        except BaseException as exc:
            self._raised.append(exc)
            told = exc
            if decides(exc):  # it may have expected values in its text
                self._pending, told = self._pending or exc, AssertionError()
            return {"raise": self._pack_exception(told), "number": len(self._raised) - 1}

    def _input(self, *prompt: str) -> str:
        if self.is_importing:
            raise EOFError(
                'The program asks for input when it is imported: put that below `if __name__ == "__main__":`.'
            )
        if builtins.input is not _INPUT:
            try:
                inspect.signature(builtins.input).bind(*prompt)
            except TypeError:  # `lambda _: "5"` is meant for a program without a prompt too
                prompt = prompt or ("",)
            return f"{builtins.input(*prompt)}\n"
        sys.stdout.write("".join(prompt))
        if line := _stdin().readline():
            return str(line)
        raise EOFError("EOF when reading a line")

    def _read_line(self) -> str:
        with contextlib.suppress(EOFError, StopIteration):
            return str(_stdin().readline()) if builtins.input is _INPUT else self._input()
        return ""

    def _write(self, name: str, text: str) -> None:
        if not text:
            return
        self._written[name] += len(data := text.encode("utf-8", "replace"))
        text = data.decode()
        self.outputs[name] = (self.outputs[name] + text)[:_KEPT]
        if not self.is_importing:
            (sys.stdout if name == "out" else sys.stderr).write(text)

    def _pack_other(self, value: Any) -> Any:
        kind = type(value)
        if isinstance(value, Remote):
            if isinstance(value._ref, int):
                return {"handle": value._ref}
            if value._ref[0] in self.failures:
                raise NotImported(self.failures[value._ref[0]])
            return {"name": value._ref}
        if isinstance(value, StandIn):
            return {"handle": value._number}
        if isinstance(value, BaseException):
            return self._pack_exception(value)
        if callable(value) or hasattr(kind, "__next__"):
            if id(value) not in self._numbers:
                self._numbers[id(value)] = len(self._callbacks)
                self._callbacks.append(value)
            return {"callback": [self._numbers[id(value)], not callable(value)]}
        if kind.__module__.partition(".")[0] in ("numpy", "pandas"):
            raise TypeError(
                f"A {kind.__name__} cannot be copied to the student's box: use `.tolist()` or `.to_dict()`."
            )
        raise TypeError(
            f"An object of the class {kind.__name__} cannot be copied to the student's box."
            " Put the class into `shared_files`, and import it from there."
        )

    def _pack_exception(self, exc: BaseException) -> Any:
        """Return an exception of a class that both sides know, with its arguments if they are plain."""
        kind = next(
            (kind for kind in type(exc).__mro__ if kind in EXCEPTIONS.values() or isinstance(kind, StandIn)), Exception
        )
        is_own = isinstance(kind, StandIn)
        known = self._pack_other(kind) if is_own else {"name": [kind.__module__, kind.__name__]}
        try:
            args = Packer(self._pack_other).pack(tuple(exc.args))
        except (ValueError, TypeError):
            args = {"tuple": [str(exc)]}
        return {"exception": {"tuple": [known, args]}}

    def _make_other(self, tag: str, content: Any) -> Any:
        if tag == "handle":
            number, kind, name, of_class = content
            handle = self._handles.get(number)
            if handle is None:
                handle = self._handles[int(number)] = self._make(number, kind, name, of_class)
                with contextlib.suppress(ValueError):
                    self._dropped.remove(number)
            return handle
        if tag == "exception":
            return self._class(content)
        if tag == "callback":
            return self._callbacks[content]
        raise BrokenProtocol(tag)

    def _class(self, described: list[Any]) -> Any:
        """Return a class of the language by its name, or what stands for one of the student's."""
        name, *own = described
        if not own:
            return EXCEPTIONS.get(name, StudentError)
        number, *others = own
        if number not in self._classes:
            bases = tuple(dict.fromkeys(self._class(other) for other in others)) or (StudentError,)
            names = {"_number": number, "__module__": "student", "__str__": _text_of}
            try:
                self._classes[number] = StandIn(name, bases, names)
            except TypeError:  # the bases do not go together
                self._classes[number] = StandIn(name, bases[:1], names)
        return self._classes[number]

    def _exception(self, described: dict[str, Any]) -> Any:
        exc: Any
        if "same" in described:
            raised = self._raised[described["same"]]
            # What decides of a test was raised when its call returned, and is nothing that may be raised once more.
            return StudentError(type(raised).__name__) if decides(raised) else raised
        unpacker = Unpacker(self._make_other)
        kind: type[BaseException] = self._class(described["class"])
        args = unpacker.unpack(described["args"])
        try:
            exc = kind(*args)
        except Exception:
            try:
                exc = kind.__new__(kind)  # `json.JSONDecodeError` takes other arguments than it has
                exc.args = tuple(args)
            except Exception:
                exc = StudentError(f"{described['class'][0]}: {described['text']}")
        exc._text = str(described["text"])
        for name, value in described["attributes"].items():
            if not name.startswith("_") and not hasattr(BaseException, name):
                with contextlib.suppress(Exception):
                    setattr(exc, name, unpacker.unpack(value))
        if described["cause"]:
            exc.__cause__ = StudentError(str(described["cause"]))
        exc._student_lines = [(str(file), int(line), str(name)) for file, line, name in described["lines"]]
        return exc


def _text_of(exc: Any) -> str:
    """Return the text that the student's class has given to an exception."""
    return exc._text if "_text" in vars(exc) else Exception.__str__(exc)


def _read_all() -> str:
    return str(_stdin().read())


def _stdin() -> Any:
    """Return what the tests have put in place of the standard input, which is empty otherwise."""
    return io.StringIO() if type(sys.stdin).__name__ == "DontReadFromInput" or sys.stdin is sys.__stdin__ else sys.stdin
