# ruff: noqa: E501  the programs of others have long lines
"""Assignments as teachers give them: a right program, a wrong one, the tests, and what each of them must get.

Each entry is (name, right program, wrong program, tests, outcomes of the right one, outcomes of the wrong one). A letter
stands for the outcome of a test: (p)assed, (f)ailed, (e)rror, (s)kipped, (x)fail.
"""

from typing import Final

ASSIGNMENTS: Final[list[tuple[str, str, str, str, str, str]]] = [
    (
        "functions",
        "def add(a, b):\n    return a + b\n",
        "def add(a, b):\n    return a - b\n",
        """
import pytest
from student import add

@pytest.mark.parametrize("a,b,total", [(1, 2, 3), (0, 0, 0), (10**40, 1, 10**40 + 1)])
def test_add(a, b, total):
    assert add(a, b) == total

def test_text():
    assert add("a", "b") == "ab"
""",
        "pppp",
        "fpfe",
    ),
    (
        "values",
        "def same(x):\n    return x\ndef kind(x):\n    return type(x).__name__\n",
        "def same(x):\n    return None\ndef kind(x):\n    return 'None'\n",
        """
import collections, datetime, decimal, fractions, math, uuid, pytest
from student import same, kind
P = collections.namedtuple("P", "x y")
VALUES = [None, True, 5, 10**50, -10**50, 1.5, -0.0, math.inf, 2 + 3j, "é\\ud800", b"a\\x00", bytearray(b"x"), [1, [2]], (1, (2,)),
  {1, 2}, frozenset({1}), {"a": 1, (1, 2): [3]}, collections.deque([1, 2], 5), range(1, 10, 2), slice(1, None), ..., decimal.Decimal("1.10"),
  fractions.Fraction(1, 3), datetime.date(2020, 1, 2), datetime.time(1, 2, 3), datetime.datetime(2020, 1, 2, 3, 4, 5, 6),
  datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc), datetime.timedelta(1, 2, 3), uuid.UUID(int=5), int, len, P(1, [2])]

@pytest.mark.parametrize("value", VALUES, ids=str)
def test_same(value):
    got = same(value)
    assert got == value and type(got).__name__ == type(value).__name__ and kind(value) == type(value).__name__

def test_nan():
    assert math.isnan(same(math.nan))
""",
        "p" * 33,
        "f" * 32 + "e",
    ),
    (
        "classes",
        """
class Vector:
    '''A vector.'''
    DIMENSIONS = 2
    def __init__(self, x, y):
        self.x, self.y = x, y
    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)
    def __eq__(self, other):
        return isinstance(other, Vector) and (self.x, self.y) == (other.x, other.y)
    def __mul__(self, number):
        return Vector(self.x * number, self.y * number)
    __rmul__ = __mul__
    def __isub__(self, other):
        self.x -= other.x
        return self
    def __len__(self):
        return 2
    def __getitem__(self, i):
        return (self.x, self.y)[i]
    def __repr__(self):
        return f"Vector({self.x}, {self.y})"
    @property
    def norm(self):
        return (self.x ** 2 + self.y ** 2) ** 0.5
    @staticmethod
    def zero():
        return Vector(0, 0)
    @classmethod
    def unit(cls):
        return cls(1, 0)
""",
        "class Vector:\n    def __init__(self, x, y):\n        self.x, self.y = y, x\n",
        """
import student
from student import Vector

def test_attributes():
    v = Vector(1, 2)
    assert (v.x, v.y) == (1, 2)
    v.x = 5
    assert v.x == 5 and hasattr(v, "y") and not hasattr(v, "z")

def test_operators():
    assert Vector(1, 2) + Vector(3, 4) == Vector(4, 6)
    assert (Vector(1, 2) * 3).x == 3 and (3 * Vector(1, 2)).y == 6
    assert Vector(1, 2) != (1, 2)
    left = same = Vector(5, 5)
    left -= Vector(1, 0)
    assert left is same and left.x == 4

def test_container():
    v = Vector(1, 2)
    assert len(v) == 2 and v[1] == 2 and list(v) == [1, 2] and 2 in v and repr(v) == "Vector(1, 2)"

def test_class():
    assert isinstance(Vector.zero(), Vector) and Vector.unit().norm == 1.0 and Vector.DIMENSIONS == 2
    assert Vector.__name__ == "Vector" and Vector.__doc__ == "A vector." and not isinstance(3, Vector)
""",
        "pppp",
        "feee",
    ),
    (
        "abstract classes",
        """
class Bag:
    def __len__(self): return 1
    def __iter__(self): return iter([1])
    def __contains__(self, item): return item == 1
    def __reversed__(self): return iter([1])
    def __int__(self): return 1
    def __enter__(self): return self
    def __exit__(self, *details): pass
    def area(self): return 1
def make(): return Bag()
def count(): yield 1
def twice(x): return 2 * x
""",
        "class Bag: pass\ndef make(): return Bag()\ncount = make\ntwice = Bag()\n",
        """
import collections.abc, contextlib, typing
import pytest
import student

@typing.runtime_checkable
class HasArea(typing.Protocol):
    def area(self): ...

@pytest.mark.parametrize("kind", [
    collections.abc.Container, collections.abc.Sized, collections.abc.Collection, collections.abc.Reversible,
    typing.Iterable, typing.SupportsInt, contextlib.AbstractContextManager, HasArea,
], ids=lambda kind: kind.__name__)
def test_bag(kind): assert isinstance(student.make(), kind)

def test_no_bag(): assert not isinstance(student.make(), (collections.abc.Iterator, collections.abc.Mapping))

def test_generator(): assert isinstance(student.count(), collections.abc.Generator)

def test_callable(): assert isinstance(student.twice, collections.abc.Callable)
""",
        "p" * 11,
        "ffffffffpff",
    ),
    (
        "identity",
        "class Node:\n    next = None\nHEAD = Node()\ndef head():\n    return HEAD\n",
        "class Node:\n    next = None\ndef head():\n    return Node()\n",
        """
import copy
from student import Node, head

def test_same_object():
    assert head() is head()

def test_copies():
    a, b = Node(), Node()
    a.next = b
    shallow, deep = copy.copy(a), copy.deepcopy(a)
    assert shallow is not a and shallow.next is b and deep.next is not b and deep.next.next is None
    del deep
    assert a.next is b

def test_links():
    a, b = Node(), Node()
    a.next = b
    assert a.next is b and a.next is not a
    assert {a: 1}[a] == 1
""",
        "ppp",
        "fpp",
    ),
    (
        "generators",
        "def count(n):\n    for i in range(n):\n        got = yield i\n        if got: yield got * 10\n",
        "def count(n):\n    return [1]\n",
        """
from itertools import islice
from student import count

def test_list():
    assert list(count(3)) == [0, 1, 2]

def test_lazy():
    assert list(islice(count(10**12), 2)) == [0, 1]

def test_send():
    g = count(5)
    assert next(g) == 0 and g.send(4) == 40 and next(g) == 1
    g.close()
""",
        "ppp",
        "ffe",
    ),
    (
        "callbacks",
        """
def apply(f, xs):
    return [f(x) for x in xs]
def sort(xs, key):
    xs.sort(key=key)
class Bell:
    def __init__(self):
        self.ears = []
    def listen(self, ear):
        self.ears.append(ear)
    def ring(self):
        for ear in self.ears: ear("ding", loud=True)
def total(items):
    return sum(items)
def safe(f):
    try: return f()
    except ValueError as e: return f"caught {e}"
    except Exception: return "other"
""",
        "def apply(f, xs):\n    return xs\ndef sort(xs, key): pass\nclass Bell:\n    def listen(self, e): pass\n    def ring(self): pass\ndef total(i): return 0\ndef safe(f): return 1\n",
        """
from unittest.mock import Mock
import pytest
import student

def test_lambda():
    assert student.apply(lambda x: x * 2, [1, 2]) == [2, 4]

def test_sorts_in_place():
    xs = [3, 1, 2]
    student.sort(xs, key=lambda x: -x)
    assert xs == [3, 2, 1]

def test_mock():
    bell, ear = student.Bell(), Mock()
    bell.listen(ear)
    bell.ring()
    ear.assert_called_once_with("ding", loud=True)

def test_generator():
    assert student.total(x for x in (1, 2, 3)) == 6

def test_exception_goes_in_and_out():
    def bad(): raise ValueError("v")
    assert student.safe(bad) == "caught v"

def test_assertion_in_callback_counts():
    def check(): assert False, "seen"
    with pytest.raises(AssertionError):
        student.safe(check)
""",
        "pppppp",
        "ffffff",
    ),
    (
        "exceptions",
        """
class StackError(Exception):
    pass
class EmptyStack(StackError, IndexError):
    def __init__(self, size):
        super().__init__(f"empty: {size}")
        self.size = size
def pop(xs):
    if not xs: raise EmptyStack(0)
    return xs.pop()
def divide(a, b):
    if b == 0: raise ZeroDivisionError("no")
    return a / b
def key(d, k):
    return d[k]
def leave():
    raise SystemExit(3)
""",
        "class StackError(Exception): pass\nclass EmptyStack(Exception): pass\ndef pop(xs): return None\ndef divide(a, b): return 0\ndef key(d, k): return 0\ndef leave(): pass\n",
        """
import pytest
import student

def test_own():
    with pytest.raises(student.EmptyStack) as info:
        student.pop([])
    assert info.value.size == 0 and str(info.value) == "empty: 0"

def test_bases():
    with pytest.raises(student.StackError): student.pop([])
    with pytest.raises(IndexError, match="empty"): student.pop([])

def test_builtin():
    with pytest.raises(ZeroDivisionError, match="no"): student.divide(1, 0)
    with pytest.raises(KeyError): student.key({}, "a")

def test_exit():
    with pytest.raises(SystemExit) as info: student.leave()
    assert info.value.code == 3

def test_pops():
    xs = [1, 2]
    assert student.pop(xs) == 2 and xs == [1]
""",
        "ppppp",
        "fffff",
    ),
    (
        "printing and input",
        """
import sys
def greet():
    name = input("Name? ")
    print(f"Hello, {name}!")
def lines():
    return [line.strip() for line in sys.stdin]
def warn():
    print("careful", file=sys.stderr)
def low():
    import os
    os.write(1, b"low\\n")
    os.system("echo child")
""",
        "def greet(): print('x')\ndef lines(): return []\ndef warn(): pass\ndef low(): pass\n",
        """
import io, sys, contextlib
from unittest.mock import patch
import student

def test_input(monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda _: "Ada")
    student.greet()
    assert capsys.readouterr().out == "Hello, Ada!\\n"

def test_stdin(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("Bob\\n"))
    student.greet()
    assert capsys.readouterr().out == "Name? Hello, Bob!\\n"

def test_lines(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("a\\nb\\n"))
    assert student.lines() == ["a", "b"]

def test_errors(capsys):
    student.warn()
    assert capsys.readouterr().err == "careful\\n"

def test_redirect():
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        student.low()
    assert out.getvalue() == "low\\nchild\\n"

@patch("builtins.input", side_effect=["Cy"])
@patch("sys.stdout", new_callable=io.StringIO)
def test_patch(out, _):
    student.greet()
    assert out.getvalue() == "Hello, Cy!\\n"
""",
        "pppppp",
        "ffffff",
    ),
    (
        "files",
        """
def total(path):
    with open(path) as file:
        return sum(int(line) for line in file)
def report():
    import pathlib
    pathlib.Path("out").mkdir(exist_ok=True)
    pathlib.Path("out/report.txt").write_text("done")
""",
        "def total(path): return 0\ndef report(): pass\n",
        """
import precieux_tests
import student
import pytest

def test_total(tmp_path):
    (tmp_path / "in.txt").write_text("1\\n2\\n")
    assert student.total(tmp_path / "in.txt") == 3
    assert (tmp_path / "in.txt").exists() and str(tmp_path / "in.txt").endswith("in.txt")

def test_open_is_refused(tmp_path):
    with pytest.raises(TypeError, match="read_text"): open(tmp_path / "in.txt")

def test_report():
    student.report()
    assert (precieux_tests.folder() / "out" / "report.txt").read_text() == "done"

def test_source():
    assert "def total" in precieux_tests.source()
""",
        "pppp",
        "fpep",
    ),
    (
        "marks",
        "def one():\n    return 1\n",
        "def one():\n    return 2\n",
        """
import pytest
import student

@pytest.mark.points(2.5)
def test_points(): assert student.one() == 1

@pytest.mark.hidden
def test_hidden(): assert student.one() == 1

@pytest.mark.skip
def test_skip(): assert False

@pytest.mark.xfail
def test_xfail(): assert student.one() == 3

def test_skips(): pytest.skip("now")

def test_part(record_property):
    record_property("points", 0.5)
    assert student.one() == 1

@pytest.mark.points(3)
class TestGroup:
    def test_in(self): assert student.one() == 1
    @pytest.mark.points(1)
    def test_own(self): assert student.one() == 1

def test_subtests(subtests):
    for i in range(3):
        with subtests.test(i=i): assert student.one() == 1
""",
        "ppsxspppp",
        "ffsxsffff",
    ),
    (
        "gradescope",
        "def one():\n    return 1\n",
        "def one():\n    return 2\n",
        """
import unittest
from gradescope_utils.autograder_utils.decorators import weight, number, visibility, hide_errors, partial_credit, tags, leaderboard
import student

class TestOne(unittest.TestCase):
    def setUp(self): self.x = student.one()
    @weight(2)
    @number("1.1")
    def test_a(self): self.assertEqual(self.x, 1)
    @weight(3)
    @visibility("hidden")
    @tags("x")
    def test_b(self): self.assertEqual(student.one(), 1)
    @hide_errors("No hints.")
    @leaderboard("speed")
    def test_c(self, set_leaderboard_value=None):
        set_leaderboard_value(3)
        self.assertEqual(student.one(), 1)
    @partial_credit(10)
    def test_d(self, set_score=None):
        set_score(4)
        self.assertEqual(student.one(), 1)
    def test_e(self):
        for i in range(2):
            with self.subTest(i=i): self.assertEqual(student.one(), 1)
""",
        "ppppp",
        "fffff",
    ),
    (
        "module names",
        "import random\nRATE = 1\ndef twice(x):\n    return 2 * x * RATE\ndef roll():\n    return random.randint(1, 6)\nfrom random import randint\ndef roll2():\n    return randint(1, 6)\n",
        "import random\nfrom random import randint\nRATE = 1\ndef twice(x):\n    return x\n",
        """
from unittest import mock
from student import *
from student import RATE, twice, missing
import student

def test_constant(): assert RATE == 1 and isinstance(RATE, int)
def test_twice(): assert twice(2) == 4
def test_missing(): missing(1)
def test_hasattr(): assert hasattr(student, "twice") and not hasattr(student, "missing")
def test_setattr(monkeypatch):
    monkeypatch.setattr(student, "RATE", 2)
    assert student.twice(2) == 8
def test_undone(): assert student.twice(2) == 4
def test_patch_name():
    with mock.patch("student.randint", return_value=4): assert student.roll2() == 4
    assert roll2() in range(1, 7)
def test_patch_object():
    with mock.patch.object(student.random, "randint", return_value=5): assert roll() == 5
def test_seed():
    student.random.seed(1)
    a = student.roll()
    student.random.seed(1)
    assert student.roll() == a
""",
        "ppepppppp",
        "pfepffeee",
    ),
    (
        "managers and enums",
        """
import contextlib, enum
class Color(enum.Enum):
    RED = 1
    BLUE = 2
class Suppress:
    def __enter__(self): return self
    def __exit__(self, kind, exc, trace): return kind is ValueError
@contextlib.contextmanager
def tag(log, name):
    log.append(name); yield 5; log.append('/' + name)
COUNT = 0
def bump():
    global COUNT
    COUNT += 1
    return COUNT
""",
        "class Color: RED = 1; BLUE = 2\nclass Suppress:\n    def __enter__(self): return self\n    def __exit__(self, *a): return True\ndef tag(log, name): return Suppress()\ndef bump(): return 1\n",
        """
import importlib, pytest
import student

def test_enum():
    assert student.Color.RED is student.Color.RED and student.Color(2) == student.Color.BLUE
    assert [c.name for c in student.Color] == ["RED", "BLUE"] and student.Color["RED"].value == 1 and student.Color.RED != 1
def test_suppresses():
    with student.Suppress(): raise ValueError
    with pytest.raises(KeyError):
        with student.Suppress(): raise KeyError("x")
def test_assertion_is_not_suppressed():
    with student.Suppress(): assert False
def test_manager():
    with student.tag([], "b") as five: assert five == 5
def test_bump(): assert student.bump() == 1 and student.bump() == 2
def test_reload():
    importlib.reload(student)
    assert student.bump() == 1
""",
        "ppfppp",
        "effffp",
    ),
    (
        "async",
        "async def double(x):\n    return 2 * x\n",
        "async def double(x):\n    return x\n",
        "import asyncio, inspect\nfrom student import double\ndef test_kind(): assert inspect.iscoroutinefunction(double)\ndef test_run(): assert asyncio.run(double(2)) == 4\ndef test_await():\n    async def go(): return await double(3)\n    assert asyncio.run(go()) == 6\n",
        "ppp",
        "pff",
    ),
    (
        "aliases of arguments",
        "def extend(a, b):\n    a.append(1)\n    return a\ndef swap(d):\n    d['x'], d['y'] = d['y'], d['x']\ndef keep(a, keep=[]):\n    keep.append(a)\n    keep[0].append(9)\n    return len(keep)\ndef clear(d):\n    d.clear()\n",
        "def extend(a, b):\n    return a + [1]\ndef swap(d): pass\ndef keep(a): a.append(9); return 1\ndef clear(d): pass\n",
        """
from student import extend, swap, keep, clear
import collections

def test_same():
    a = []
    assert extend(a, a) is a and a == [1]
def test_nested():
    d = {"x": [1], "y": {2}}
    x, y = d["x"], d["y"]
    swap(d)
    assert d["x"] is y and d["y"] is x
def test_kept():
    a = [1]
    keep(a); assert a == [1, 9]
    keep([2]); assert a == [1, 9]
def test_clear():
    d = collections.deque([1]); clear(d); assert not d
    s = {1}; clear(s); assert s == set()
    b = bytearray(b"x"); clear(b); assert b == b""
""",
        "pppp",
        "ffpf",
    ),
]
