# ruff: noqa: E501  the programs of others have long lines
"""What tests may do with a program. Each entry is (name, program, tests); all tests must pass."""

from typing import Final

FEATURES: Final[list[tuple[str, str, str]]] = [
    (
        "subclasses become plain",
        """
import enum, collections
class Level(enum.IntEnum): LOW = 1
class Liar(list):
    def __eq__(self, other): return True
    def __iter__(self): return iter([9])
class Word(str):
    def __str__(self): return "lie"
def level(): return Level.LOW
def liar(): return Liar([1, 2])
def word(): return Word("truth")
def counts(): return collections.Counter("aab")
def default(): return collections.defaultdict(list, a=[1])
Point = collections.namedtuple("Point", "x y")
def point(): return Point(1, 2)
""",
        """
from student import level, liar, word, counts, default, point
def test_int(): assert level() == 1 and type(level()) is int
def test_list(): assert liar() == [1, 2] and type(liar()) is list
def test_text(): assert word() == "truth" and type(word()) is str
def test_dicts(): assert counts() == {"a": 2, "b": 1} and default() == {"a": [1]}
def test_tuple(): assert point() == (1, 2) and point().x == 1 and point()._fields == ("x", "y")
""",
    ),
    (
        "bounds of arguments",
        "def f(x): return None\ndef big(): return [0] * 900_000\n",
        """
import pytest
from student import f, big
def refused(value, word):
    with pytest.raises(ValueError, match=word): f(value)
def test_depth():
    deep = []
    for _ in range(300): deep = [deep]
    refused(deep, "levels")
def test_circle():
    loop = []; loop.append(loop)
    refused(loop, "itself")
def test_number(): refused(10 ** 100_001, "100,000 digits")
def test_items(): refused([0] * 1_000_001, "1,000,000 items")
def test_bytes(): refused("x" * (9 << 20), "8 MiB")
def test_large(): assert len(big()) == 900_000
def test_class():
    class Own: pass
    with pytest.raises(TypeError, match="shared_files"): f(Own())
""",
    ),
    (
        "handles",
        """
import copy
class Item:
    def __init__(self, n): self.n = n
    def __lt__(self, other): return self.n < (other.n if isinstance(other, Item) else other)
    def __eq__(self, other): return isinstance(other, Item) and self.n == other.n
    def __hash__(self): return self.n
    def __copy__(self): return Item(self.n + 100)
    def __divmod__(self, other): return (1, 2)
    def __iadd__(self, other): self.n += other; return self
    def __add__(self, other): return Item(self.n + other)
    def __call__(self, x): return x + self.n
    def __neg__(self): return Item(-self.n)
    def __int__(self): return self.n
    def __float__(self): return float(self.n)
    def __bool__(self): return self.n > 0
    def __format__(self, spec): return f"<{spec}{self.n}>"
class Box:
    def __init__(self): self.items = {}
    def __setitem__(self, k, v): self.items[k] = v
    def __getitem__(self, k): return self.items[k]
    def __delitem__(self, k): del self.items[k]
    def __contains__(self, k): return k in self.items
    def __len__(self): return len(self.items)
    def __iter__(self): return iter(self.items)
    def __reversed__(self): return iter("ba")
def make(n): return Item(n)
def many(n): return [Item(i) for i in range(n)]
def is_item(x): return type(x).__name__
""",
        """
import copy, inspect, math, pytest
import student
def test_order(): assert sorted([student.Item(2), student.Item(1)])[0].n == 1 and student.Item(1) < 5
def test_unknown_class():
    with pytest.raises(TypeError, match="compare its attributes"): student.make(1) < 5
def test_converts(): assert int(student.make(3)) == 3 and float(student.make(3)) == 3.0 and bool(student.make(0)) is False and f"{student.make(3):x}" == "<x3>"
def test_calls(): assert student.make(3)(4) == 7 and (-student.make(3)).n == -3
def test_copies(): assert copy.copy(student.make(1)).n == 101
def test_box():
    box = student.Box()
    box["a"] = 1; box["b"] = student.make(2)
    assert "a" in box and len(box) == 2 and list(box) == ["a", "b"] and list(reversed(box)) == ["b", "a"]
    del box["a"]
    assert "a" not in box and box["b"].n == 2
    with pytest.raises(KeyError): box["c"]
def test_goes_back(): assert student.is_item(student.make(1)) == "Item" and student.is_item([student.make(1)]) == "list"
def test_keys(): assert {student.make(1): 1} != {student.make(1): 1}
def test_many():
    for _ in range(15): assert len(student.many(10_000)) == 10_000
def test_sentences():
    with pytest.raises(TypeError, match="precieux_tests.source"): inspect.getsource(student.make)
    with pytest.raises(TypeError, match="derive"):
        class Fake(student.Box): pass
    with pytest.raises(TypeError): math.isclose(student.make(1), 1)
    with pytest.raises(TypeError): student.make(1) == pytest.approx(1)
    with pytest.raises(AttributeError): student.make.__code__
def test_set():
    item = student.make(1)
    item.extra = [1]
    assert item.extra == [1] and hasattr(item, "extra")
    del item.extra
    assert not hasattr(item, "extra") and "n" in dir(item) and callable(student.make) and not callable(student.Box())
""",
    ),
    (
        "exceptions in detail",
        """
import json, decimal, dataclasses, queue
class Custom(Exception):
    def __init__(self, code, hint): self.code, self.hint = code, hint
    def __str__(self): return f"custom {self.code}"
@dataclasses.dataclass(frozen=True)
class Frozen: x: int = 1
def custom(): raise Custom(7, hint="h")
def parse(): return json.loads("{")
def divide(): return decimal.Decimal(1) / 0
def freeze(): Frozen().x = 2
def empty(): queue.Queue().get_nowait()
def chain():
    try: 1 / 0
    except ZeroDivisionError as e: raise ValueError("outer") from e
def missing(): open("no such file")
def decode(): b"\\xff".decode()
def check(x): assert x, "no"
def stop(): raise KeyboardInterrupt("k")
class Quit(BaseException): pass
def quit_(): raise Quit("q")
class A(AssertionError): pass
def own(): raise A("mine")
""",
        """
import dataclasses, decimal, json, queue, pytest
import student
def test_custom():
    with pytest.raises(student.Custom, match="custom 7") as info: student.custom()
    assert info.value.hint == "h" and info.value.code == 7 and str(info.value) == "custom 7"
def test_json():
    with pytest.raises(json.JSONDecodeError) as info: student.parse()
    assert info.value.pos == 1
def test_others():
    with pytest.raises(decimal.DivisionByZero): student.divide()
    with pytest.raises(dataclasses.FrozenInstanceError): student.freeze()
    with pytest.raises(queue.Empty): student.empty()
    with pytest.raises(UnicodeDecodeError): student.decode()
def test_chain():
    with pytest.raises(ValueError) as info: student.chain()
    assert "division by zero" in str(info.value.__cause__)
def test_file():
    with pytest.raises(FileNotFoundError) as info: student.missing()
    assert info.value.filename == "no such file" and info.value.errno == 2
def test_assertion():
    with pytest.raises(AssertionError, match="no"): student.check(0)
    with pytest.raises(AssertionError, match="mine"): student.own()
def test_no_exception():
    for function in (student.stop, student.quit_):
        with pytest.raises(Exception) as info: function()
        assert not isinstance(info.value, (KeyboardInterrupt, ValueError))
def test_made_here():
    def bad(): raise student.Custom(1, 2)
    assert issubclass(student.Custom, Exception) and student.Custom.__name__ == "Custom"
""",
    ),
    (
        "pytest",
        "import os\ndef add(a, b): return a + b\ndef say(x):\n    print(x)\n    os.write(2, b'err')\nSTATE = []\ndef push(x):\n    STATE.append(x); return len(STATE)\nclass Low(Exception): pass\ndef fail(x): raise (ValueError if x else Low)\n",
        """
import logging, threading, pytest, student
@pytest.fixture(scope="module")
def pushed(): return student.push(1)
@pytest.fixture(params=[1, 2])
def number(request): return request.param
@pytest.fixture
def cleanup():
    yield 5
    student.push("end")
def test_module_fixture(pushed): assert pushed == 1
def test_same(pushed): assert pushed == 1 and student.push(2) == 2
def test_params(number, cleanup): assert student.add(number, 1) == number + 1
@pytest.mark.parametrize("f", [student.add])
def test_function_in_parameters(f): assert f(1, 1) == 2
@pytest.mark.parametrize(("error", "x"), [(student.Low, 0), (ValueError, 1)])
def test_class_in_parameters(error, x):
    with pytest.raises(error): student.fail(x)
def test_capfd(capfd):
    student.say("hi")
    assert capfd.readouterr() == ("hi\\n", "err")
def test_caplog(caplog):
    logging.getLogger().warning("own"); assert "own" in caplog.text
def test_threads():
    got = []
    threads = [threading.Thread(target=lambda i=i: got.append(student.add(i, 0))) for i in range(5)]
    [t.start() for t in threads]; [t.join() for t in threads]
    assert sorted(got) == list(range(5))
class TestClass:
    @classmethod
    def setup_class(cls): cls.x = student.add(1, 1)
    def test_x(self): assert self.x == 2
def test_prints(): student.say("shown")
""",
    ),
    (
        "patches",
        """
import random, time, sys
from functools import lru_cache
def ask():
    return int(input()) + int(input("second: "))
def roll(): return random.randint(1, 6)
def nap():
    time.sleep(1000)
    return "awake"
def menu():
    print("menu")
    return input("> ")
def rest(): return sys.stdin.read()
@lru_cache
def square(x): return x * x
class Shape:
    sides = 0
    def area(self): raise NotImplementedError
class Square(Shape):
    sides = 4
    def __init__(self, a): self.a = a
    def area(self): return self.a ** 2
    def __iter__(self): return iter([self.a] * 4)
""",
        """
import io, sys, unittest, pytest
from unittest import mock
import student
from student import Square, Shape
def test_no_prompt(monkeypatch):
    answers = iter(["5", "6"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    assert student.ask() == 11
def test_prompts():
    with mock.patch("builtins.input", side_effect=["1", "2"]) as asked: assert student.ask() == 3
    assert asked.call_args_list == [mock.call(), mock.call("second: ")]
def test_no_more_input():
    with mock.patch("builtins.input", side_effect=["1"]):
        with pytest.raises(StopIteration): student.ask()
    with pytest.raises(EOFError): student.ask()
def test_path():
    with mock.patch("student.random.randint", return_value=3) as roll: assert student.roll() == 3
    roll.assert_called_once_with(1, 6)
@mock.patch("student.time.sleep")
def test_sleep(sleep):
    assert student.nap() == "awake" and sleep.called
@mock.patch("student.print")
@mock.patch("student.input", return_value="q")
def test_builtins(asked, printed):
    assert student.menu() == "q"
    printed.assert_called_once_with("menu")
def test_rest(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\\nb"))
    assert student.rest() == "a\\nb"
def test_skip(): assert pytest.importorskip("student").square(3) == 9 and student.square.cache_info().misses == 1
class TestShapes(unittest.TestCase):
    def setUp(self): self.square = Square(3)
    def test_all(self):
        self.assertEqual(self.square.area(), 9)
        self.assertIsInstance(self.square, Shape)
        self.assertTrue(issubclass(Square, Shape))
        self.assertRaises(NotImplementedError, Shape().area)
        self.assertIn(3, self.square)
        self.assertListEqual(list(self.square), [3, 3, 3, 3])
        self.assertNotEqual(self.square, 9)
        with self.assertRaisesRegex(TypeError, "argument"): Square()
        with mock.patch.object(Square, "area", return_value=1): self.assertEqual(self.square.area(), 1)
        self.assertEqual(self.square.area(), 9)
        with mock.patch.object(Shape, "sides", 7): self.assertEqual((Shape.sides, Square.sides), (7, 4))
""",
    ),
    (
        "callbacks in detail",
        """
def retry(f, n):
    for _ in range(n):
        try: return f()
        except ValueError: pass
    return f()
def compose(*fs):
    def run(x):
        for f in fs: x = f(x)
        return x
    return run
def logged(f):
    calls = []
    def wrapper(*args, **kwargs):
        calls.append(args)
        return f(*args, **kwargs)
    wrapper.calls = calls
    return wrapper
def give_back(f): return f
def take(items, n): return [next(items) for _ in range(n)]
def edit(f):
    xs = [3, 1, 2]
    f(xs)
    return xs
def is_(f, x): return f(x) is x
""",
        """
import pytest
from unittest.mock import MagicMock
import student
def test_retry():
    f = MagicMock(side_effect=[ValueError, ValueError, 5])
    assert student.retry(f, 5) == 5 and f.call_count == 3
def test_same_exception():
    error = ValueError("mine")
    def bad(): raise error
    with pytest.raises(ValueError) as info: student.retry(bad, 2)
    assert info.value is error
def test_compose(): assert student.compose(lambda x: x + 1, str, len)(99) == 3
def test_decorator():
    @student.logged
    def add(a, b=2): return a + b
    assert add(1) == 3 and add(1, b=5) == 6 and add.calls == [(1,), (1,)]
def test_back():
    f = lambda: 1
    assert student.give_back(f) is f
def test_iterator():
    items = iter(range(10))
    assert student.take(items, 3) == [0, 1, 2] and next(items) == 3
def test_nested(): assert student.compose(lambda x: student.compose(lambda y: y * 2)(x) + 1)(5) == 11
""",
    ),
]
