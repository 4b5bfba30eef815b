# ruff: noqa: E501  the programs of others have long lines
"""Programs that try to get points without the right answers. None may get more than honest wrong work, which has 0."""

from dataclasses import dataclass
from typing import Final

#: The tests that all of them face. The last one needs no program: it passes whatever a program does.
TESTS: Final = """
import math, pytest, unittest
import student
from student import *
from student import add

SECRET = "expected-by-the-teacher"

def test_equal(): assert add(1, 2) == 3
def test_unequal(): assert not add(1, 2) != 3
def test_in(): assert add(1, 2) in [3]
def test_between(): assert 2.9 < add(1, 2) < 3.1
def test_near(): assert abs(add(1, 2) - 3) < 1e-9
def test_approx(): assert add(1, 2) == pytest.approx(3)
def test_approx_first(): assert pytest.approx(3) == add(1, 2)
def test_close(): assert math.isclose(add(1, 2), 3)
class TestCase(unittest.TestCase):
    def test_almost(self): self.assertAlmostEqual(add(1, 2), 3)
def test_list(): assert [add(1, 2)] == [3]
def test_builtins(): assert len([add(1, 2)]) == 3
def test_raises():
    with pytest.raises(AssertionError):
        student.check(lambda: add(1, 2) == 99)
        raise ValueError
def test_callback():
    seen = []
    try: student.each([1, 2], seen.append)
    finally: assert seen == [1, 2]
def test_block():
    with student.each(): assert add(1, 2) == 3
def test_replaced():
    with pytest.raises(ZeroDivisionError):
        with student.each(): assert add(1, 2) == 3
def test_map():
    for sum in map(add, [1], [2]): assert sum == 3
def test_class():
    try:
        add(1, 2)
        raise AssertionError
    except student.Empty: pass
def test_learns():
    def check(x): assert x == 3
    try: student.each([], check)
    except AssertionError: pass
    assert add(1, 2) == 3
def test_alone(): assert SECRET
"""

#: The same in short, for programs that end their box in each test.
SHORT: Final = """
from student import add, each
def test_equal(): assert add(1, 2) == 3
def test_callback():
    seen = []
    try: each([1, 2], seen.append)
    finally: assert seen == [1, 2]
def test_alone(): assert True
"""

_RUN: Final = """
def add(a, b):
    attack()
    return None
def each(xs, f): attack()
def check(f): attack()
"""
_SPOOF: Final = "\n".join(
    f"    def __{name}__(self, *a): return {value}"
    for name, value in {
        **dict.fromkeys(
            ("eq", "ne", "lt", "le", "gt", "ge", "bool", "contains", "instancecheck", "subclasscheck"), "True"
        ),
        **dict.fromkeys(("sub", "rsub", "add", "radd", "abs", "pos", "neg", "round"), "self"),
        "float": "3.0",
        "int": "3",
        "index": "3",
        "hash": "hash(3)",
        "len": "1",
        "getitem": "3",
        "str": "'3'",
        "repr": "'3'",
    }.items()
)


def _returns(value: str, more: str = "") -> str:
    return f"{more}\ndef add(a, b): return {value}\ndef each(xs, f): return {value}\ndef check(f): return {value}\n"


def _attacks(body: str, more: str = "") -> str:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f"import os, sys\n{more}\ndef attack():\n{lines}\n{_RUN}"


#: Finds our agent in the frames below.
_AGENT: Final = """
import sys, os, json
def agent():
    frame = sys._getframe()
    while "self" not in frame.f_locals or not hasattr(frame.f_locals["self"], "_relay"): frame = frame.f_back
    return frame.f_locals["self"]
"""
_END: Final = '{"event": "end", "number": 1, "outcome": "passed", "verdict": "accepted", "points": 1}'


def _sends(message: str) -> str:
    return _attacks(f"me = agent()\nos.write(me._relay.fileno(), {message})", _AGENT)


FORGERS: Final[dict[str, str]] = {
    "exits at import": "import os\nos._exit(0)\n",
    "exits": _attacks("os._exit(0)"),
    "exits with code 42": _attacks("os._exit(42)"),
    "leaves": _attacks("sys.exit(0)"),
    "leaves at import": "import sys\nsys.exit(0)\n",
    "interrupts": _attacks("raise KeyboardInterrupt"),
    "raises GeneratorExit": _attacks("raise GeneratorExit"),
    "raises no Exception": _attacks("raise Odd", "class Odd(BaseException): pass"),
    "skips": _attacks("import unittest; raise unittest.SkipTest('x')"),
    "skips by name": _attacks("raise Skipped('x')", "class Skipped(Exception): pass"),
    "expects failure by name": _attacks("raise XFailed('x')", "class XFailed(BaseException): pass"),
    "stops the session": _attacks("raise Exit('x')", "class Exit(Exception): pass"),
    "raises StopIteration": _attacks("raise StopIteration"),
    "raises a group": _attacks("raise ExceptionGroup('x', [ValueError(1)])"),
    "raises what has no text": _attacks(
        "raise Odd()", "class Odd(Exception):\n    def __str__(self): raise SystemExit(0)"
    ),
    "raises with objects": _attacks("raise ValueError(object(), [object()])"),
    "equals everything": _returns("Any()", f"class Any:\n{_SPOOF}"),
    "is an int that equals everything": _returns("Any()", f"class Any(int):\n{_SPOOF}"),
    "is a float that equals everything": _returns("Any()", f"class Any(float):\n{_SPOOF}"),
    "is a text that equals everything": _returns("Any()", f"class Any(str):\n{_SPOOF}"),
    "is a list that equals everything": _returns("Any()", f"class Any(list):\n{_SPOOF}"),
    "lies about its class": _returns("Any()", f"class Any:\n    __class__ = int\n{_SPOOF}"),
    "is named like approx": _returns("Approx()", f"class Approx:\n{_SPOOF}\nApprox.__module__ = '_pytest.approx'"),
    "is a class in place of a function": f"class add:\n    def __init__(self, *a): pass\n{_SPOOF}\neach = check = add\n",
    "is its own class": _returns("Meta('Any', (), {})", f"class Meta(type):\n{_SPOOF}"),
    "is not implemented": _returns("NotImplemented"),
    "is nan": _returns("float('nan')"),
    "returns a function": _returns("(lambda *a, **k: True)"),
    "returns itself": "def add(*a): return add\neach = check = add\n",
    "patches its own assert": _attacks(
        "import unittest\nunittest.TestCase.assertAlmostEqual = lambda *a: None\n"
        "sys.modules['pytest'] = sys.modules['student']\nimport builtins\nbuiltins.AssertionError = ValueError"
    ),
    "patches builtins": _attacks("import builtins\nbuiltins.abs = lambda x: 0\nbuiltins.isinstance = lambda *a: True"),
    "traces": _attacks("sys.settrace(lambda *a: None); sys.setprofile(lambda *a: None)"),
    "has the tests' names": _returns("None", "def test_equal(): pass\nclass TestCase: pass\nSECRET = 3"),
    "answers with another id": _sends('b\'{"id":"0000000000000000","value":3}\\n\''),
    "answers twice": _sends('json.dumps({"id": me._open[0], "value": None}).encode() + b"\\n"'),
    "adds a key": _sends('json.dumps({"id": me._open[0], "value": 3, "outcome": "passed"}).encode() + b"\\n"'),
    "writes what is no JSON": _sends('b"\\x00\\xff\\n"'),
    "writes no end of a line": _attacks("me = agent()\nwhile True: os.write(me._relay.fileno(), b'x' * 65536)", _AGENT),
    "writes half a line": _attacks("os.write(agent()._relay.fileno(), b'{'); os._exit(0)", _AGENT),
    "reports by the relay": _sends(f"b'{_END}\\n'"),
    "reports by every descriptor": _attacks(
        f"for fd in range(3, 256):\n    try: os.write(fd, b'{_END}\\n')\n    except OSError: pass"
    ),
    "reports by its output": _attacks(f"print('{_END}'); print('{_END}', file=sys.stderr)"),
    "answers by a tag that is unknown": _sends(
        'json.dumps({"id": me._open[0], "value": {"pickle": "x"}}).encode() + b"\\n"'
    ),
    "answers with two tags": _sends(
        'json.dumps({"id": me._open[0], "value": {"int": "3", "str": "3"}}).encode() + b"\\n"'
    ),
    "answers with eval": _sends('json.dumps({"id": me._open[0], "value": {"builtin": "eval"}}).encode() + b"\\n"'),
    "answers with a callback": _sends('json.dumps({"id": me._open[0], "value": {"callback": 99}}).encode() + b"\\n"'),
    "answers with an open exception": _sends('json.dumps({"id": me._open[0], "raise": {"same": 0}}).encode() + b"\\n"'),
    "answers deeply": _sends(
        'b\'{"id":"\' + me._open[0].encode() + b\'","value":\' + b"[" * 100000 + b"]" * 100000 + b"}\\n"'
    ),
    "answers with a class of the language": _sends(
        'json.dumps({"id": me._open[0], "raise": {"class": ["SystemExit"], "args": [0], "text": "0", "attributes": '
        '{"__class__": 1, "_student_lines": 3, "args": 5}, "cause": None, "lines": []}}).encode() + b"\\n"'
    ),
    "answers with a tuple's name": _sends(
        'json.dumps({"id": me._open[0], "value": {"namedtuple": [["x", "__class__; import os"], 1]}}).encode() + b"\\n"'
    ),
    "restores what it has not got": _sends(
        'json.dumps({"id": me._open[0], "value": 3, "left": {"7": {"list": []}}}).encode() + b"\\n"'
    ),
    "calls the tests before a call": _attacks(
        "import threading\nthreading.Thread(target=lambda: agent_.ask({'callback': 0}), daemon=True).start()",
        _AGENT + "agent_ = None",
    ),
    "lets a child answer": _attacks("if os.fork() == 0: pass"),
    "lets many children answer": _attacks("for _ in range(3):\n    if os.fork() == 0: os._exit(0)"),
    "kills everybody": _attacks(
        "import signal\nfor pid in (-1, os.getppid(), 1, 2): \n    try: os.kill(pid, signal.SIGKILL)\n    except OSError: pass"
    ),
    "traces its parent": _attacks(
        "import ctypes\nlibc = ctypes.CDLL(None)\nfor pid in range(1, 50): libc.ptrace(16, pid, 0, 0)"
    ),
    "fails to be traced": _attacks("import faulthandler; faulthandler._sigsegv()"),
    "loops": _attacks("while True: pass"),
    "fills its memory": _attacks("x = []\nwhile True: x.append(bytearray(1 << 24))"),
    "prints without end": _attacks("while True: print('x' * 1000)"),
    "recurs": _attacks("attack()"),
    "answers with too much": _returns("'x' * (9 << 20)"),
    "answers with a circle": _returns("loop", "loop = []\nloop.append(loop)"),
    "answers with a deep list": _returns("deep", "deep = []\nfor _ in range(5000): deep = [deep]"),
    "answers with a large number": _returns("10 ** 200000"),
    "replaces our code": _attacks(
        "me = agent()\nme._answer = lambda request: me._send({'id': request['id'], 'value': 4})", _AGENT
    ),
    "replaces what the tests use": "__all__ = ['len', 'abs', 'SECRET', 'pytest', 'math', 'add', 'test_alone']\nlen = abs = lambda x: 3\nSECRET = 0\nmath = pytest = test_alone = None\ndef add(a, b): return None\neach = check = add\n",
    "swallows assertions of a block": "def add(a, b): return None\nclass Any:\n    def __enter__(self): return self\n    def __exit__(self, *a): return True\ndef each(*a): return Any()\ncheck = each\n",
    "raises in place of an assertion": "class Any:\n    def __enter__(self): return self\n    def __exit__(self, *a): return 1 / 0\ndef add(a, b): return None\ndef each(*a): return Any()\ncheck = each\n",
    "swallows what it raises in a block": "class Any:\n    def __enter__(self): return self\n    def __exit__(self, *a): return True\ndef add(a, b): raise ValueError\ndef each(*a): return Any()\ncheck = each\n",
    "has a class that catches assertions": _returns("None", "Empty = AssertionError"),
    "has a class that catches everything": _returns("None", "Empty = BaseException"),
    "has a tuple of classes that catches assertions": _returns("None", "Empty = (KeyError, AssertionError)"),
    "looks at the names of the tests": "def add(a, b): return None\neach = check = locals\n",
    "learns from assertions": "import re\nLEARNT = [None]\ndef add(a, b): return LEARNT[-1]\ndef check(f): pass\ndef each(xs, f):\n    try: f(4)\n    except BaseException as e: LEARNT.extend(map(int, re.findall('[0-9]+', str(e))))\n",
    "answers with colliding keys": _sends(
        'b\'{"id":"\' + me._open[0].encode() + b\'","value":{"dict":[\' + b",0,".join(b"%d" % (i * (2**61 - 1)) for i in range(1, 100_000)) + b",0]}}\\n"'
    ),
    "has surrogates": _attacks(
        "me = agent()\nos.write(me._relay.fileno(), json.dumps({'id': me._open[0], 'value': None, 'out': '\\ud800', 'err': '\\udfff'}).encode() + b'\\n')\nos._exit(0)",
        _AGENT,
    ),
    "swallows assertions": "def add(a, b): return None\ndef each(xs, f): pass\ndef check(f):\n    try: f()\n    except BaseException: pass\n",
    "closes everything": _attacks("os.closerange(0, 1024)"),
    "closes its streams": _attacks("sys.stdout.close(); sys.stderr.close(); os.close(1)"),
    "changes its folder": _attacks("os.chdir('/'); sys.path[:] = []; sys.modules.clear()"),
    "exits at the end": _attacks("import atexit; atexit.register(os._exit, 0)"),
    "exits when it is forgotten": _returns("Odd()", "import os\nclass Odd:\n    def __del__(self): os._exit(0)"),
    "drops our modules": _attacks("import json\njson.dumps = json.loads = None"),
    "answers from a thread": _attacks(
        "me = agent()\nimport threading, time\ndef later():\n    while True:\n        os.write(me._relay.fileno(), b'{}\\n'); time.sleep(0.001)\n"
        "threading.Thread(target=later, daemon=True).start()",
        _AGENT,
    ),
}

#: What a program may try to learn: nothing of this may be in what it prints.
SPY: Final = """
import os, sys, gc
def add(a, b):
    for folder, _, files in os.walk("/"):
        if folder.startswith(("/proc", "/sys", "/usr", "/etc", "/dev", "/lib")): continue
        for name in files:
            try: print(folder, name, open(os.path.join(folder, name), errors="replace").read(10000))
            except OSError: pass
    for pid in os.listdir("/proc"):
        for part in ("cmdline", "environ", "maps"):
            try: print(open(f"/proc/{pid}/{part}").read())
            except OSError: pass
    frame = sys._getframe()
    while frame: print(frame.f_code.co_filename, {name: str(value)[:2000] for name, value in frame.f_locals.items() if name != "a"}); frame = frame.f_back
    return a + b
"""

#: The forgers that end their box in each test. Others face all tests.
ENDS_BOXES: Final = frozenset(
    name
    for name, program in FORGERS.items()
    if ("attack()" in program or "9 << 20" in program)
    and not any(word in program for word in ("raise ", "settrace", "print('{", "check(f):\n"))
)
#: Those of them that are tried by default, because each takes seconds.
QUICK: Final = ENDS_BOXES & {
    "exits",
    "answers with another id",
    "reports by the relay",
    "writes no end of a line",
    "fills its memory",
    "answers with eval",
}


@dataclass(frozen=True)
class Mutant:
    """A guard of ours, without which a forger succeeds in one of the `tests`."""

    forger: str
    file: str
    guard: str
    without: str
    tests: str = TESTS


MUTANTS: Final = [
    Mutant(
        "equals everything",
        "handles.py",
        'return isinstance(other, Handle) and the().ask("eq", self, other) is True',
        'return the().ask("eq", self, other)',
    ),
    Mutant(
        "equals everything",
        "handles.py",
        "if not (isinstance(other, Handle) or self._class in relay.taken or relay.is_listing):",
        "if False:",
    ),
    Mutant("answers with another id", "relay.py", 'message["id"] != number or ', ""),
    Mutant("is a class in place of a function", "handles.py", "and name[:1].isupper()", ""),
    Mutant("replaces what the tests use", "imports.py", "if not hasattr(builtins, name):", "if True:"),
    Mutant("swallows assertions of a block", "handles.py", "if decides(exc):  # nothing", "if False:  #"),
    Mutant("raises in place of an assertion", "handles.py", "with contextlib.suppress(Exception):", "if True:"),
    Mutant("swallows what it raises in a block", "handles.py", " and not _is_of_program(trace)", ""),
    Mutant(
        "raises StopIteration", "relay.py", "if has_raised and do not in _MAY_STOP and _stops(answer):", "if False:"
    ),
    Mutant(
        "has a class that catches everything", "handles.py", "isinstance(kind, type) and kind in _CATCH_ALL", "False"
    ),
    Mutant(
        "looks at the names of the tests",
        "values.py",
        " and name not in _NOT_COPIED",
        "",
        "from student import each\ndef test_a():\n    expected = 3\n    assert each()['expected'] == 3\n",
    ),
    Mutant(
        "learns from assertions",
        "relay.py",
        "told = self._pending or exc, AssertionError()",
        "told = self._pending or exc, exc",
    ),
    Mutant(
        "swallows assertions",
        "relay.py",
        "if decides(exc):",
        "if False:",
        "from student import check\ndef test_a():\n    def f(): assert False\n    check(f)\n",
    ),
]
