# ruff: noqa: E501  the programs of others have long lines
"""Honest assignments keep their exact outcomes, points and messages."""

import pytest

from tests.security.unit_tests.conftest import Run
from tests.security.unit_tests.features import FEATURES
from tests.security.unit_tests.honest import ASSIGNMENTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

_ADD = "def add(a, b):\n    return a + b\n"
_TEST = "from student import add\ndef test_add(): assert add(1, 2) == 3\n"


@pytest.mark.parametrize(
    ("name", "right", "wrong", "tests", "of_right", "of_wrong"), ASSIGNMENTS, ids=[one[0] for one in ASSIGNMENTS]
)
async def test_an_assignment(
    run: Run, name: str, right: str, wrong: str, tests: str, of_right: str, of_wrong: str
) -> None:
    for program, outcomes in ((right, of_right), (wrong, of_wrong)):
        ran = await run(program, tests)
        assert ran.outcomes == outcomes, (name, ran.fault, ran.said)


@pytest.mark.parametrize(("name", "program", "tests"), FEATURES, ids=[name for name, _, _ in FEATURES])
async def test_a_feature(run: Run, name: str, program: str, tests: str) -> None:
    ran = await run(program, tests, limits={"cpu_s": 5})
    assert set(ran.outcomes) == {"p"}, (name, ran.fault, ran.said)


async def test_points_and_visibility(run: Run) -> None:
    tests = """
import pytest, unittest
from gradescope_utils.autograder_utils.decorators import weight, number, visibility, partial_credit
import student
@pytest.mark.points(2.5)
def test_points(): assert student.one() == 1
@pytest.mark.hidden
def test_hidden(): assert student.one() == 1
@pytest.mark.skip
def test_skip(): pass
def test_part(record_property):
    record_property("points", 0.5)
def test_too_much(record_property): record_property("points", 7)
class TestOne(unittest.TestCase):
    @weight(3)
    @number("1.1")
    @visibility("after_due_date")
    def test_a(self): self.assertEqual(student.one(), 1)
    @partial_credit(10)
    def test_b(self, set_score=None): set_score(4)
"""
    ran = await run("def one(): return 1\n", tests)
    assert [(test.group, test.name, test.points, test.hidden) for test in ran.collected] == [
        ("test_student", "test_points", 2.5, False),
        ("test_student", "test_hidden", 1, True),
        ("test_student", "test_skip", 0, False),
        ("test_student", "test_part", 1, False),
        ("test_student", "test_too_much", 1, False),
        ("test_student.TestOne", "1.1) test_a", 3, True),
        ("test_student.TestOne", "test_b", 10, False),
    ]
    assert [test.points_awarded for test in ran.tests] == [2.5, 1, 0, 0.5, 0, 3, 4]
    assert ran.end
    assert (ran.outcomes, ran.end.points_awarded, ran.end.verdict) == ("ppspepp", 11, "runtime_error")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("def add(a, b): return 4\n", "AssertionError: assert 4 == 3\n +  where 4 = add(1, 2)"),
        ("def add(a, b):\n    return a / 0\n", "ZeroDivisionError: division by zero\nada.py, line 2, in add"),
        ("def add(a, b:\n", "ada.py could not be imported: SyntaxError: '(' was never closed, line 1"),
        ("import os\n1 / 0\n", "ada.py could not be imported: ZeroDivisionError: division by zero, line 2"),
        ("x = input()\n", "The program asks for input when it is imported: put that below"),
        ("def other(): pass\n", "AttributeError: module 'student' has no attribute 'add'"),
        ("import os\ndef add(a, b): os._exit(3)\n", "The program ended (`os._exit(3)` or alike) in this test."),
        ("import os\nos._exit(0)\n", "The program ended (`os._exit(0)` or alike) in its import."),
    ],
    ids=lambda text: text.split("\n")[0],
)
async def test_a_message_says_what_went_wrong(run: Run, program: str, message: str) -> None:
    ran = await run(program, _TEST)
    assert message in (ran.tests[0].message or "")
    assert "def test_add" not in (ran.tests[0].message or "")
    assert "boxes.zip" not in (ran.tests[0].judge_message or "")
    if "AssertionError" in message:
        assert "def test_add" in (ran.tests[0].judge_message or "")


@pytest.mark.parametrize(
    ("program", "tests", "keys", "outcomes"),
    [
        ({"main.py": "from shapes.circle import Circle", "shapes/__init__.py": "", "shapes/circle.py": "class Circle:\n    PI = 3\n"},
         "from shapes.circle import Circle\nfrom shapes import circle\ndef test_pi(): assert Circle.PI == 3 and circle.Circle is Circle\n", {}, "p"),
        ({"a.py": "from b import two\ndef one(): return two() - 1\n", "b.py": "def two(): return 2\n"},
         "import a, b\ndef test_both(): assert a.one() == 1 and b.two() == 2\n", {}, "p"),
        ("def one(): return 1\n", "import stack, queue_\ndef test_a(): assert stack.one() == 1\ndef test_b(): assert True\n", {}, "ep"),
        ("def one(): return 1\n", "def test_late():\n    import student\n    from student import one\n    assert student.one() == one() == 1\n", {}, "p"),
        ("def choice(x): return 7\n", "import random\ndef test_random(): assert random.choice([1]) == 7\n", {"unit_tests": {"module": "random"}}, "p"),
        ("from cards import Card\ndef deal(): return Card(3)\n", "import student, cards\ndef test_deal(): assert student.deal().rank == 3\n",
         {"unit_tests": {"shared_files": [{"path": "cards.py", "content": "class Card:\n    def __init__(self, r): self.rank = r\n"}]}}, "p"),
        ("def one(): return 1\n", {"test_a.py": "from helper import expect\nimport student\ndef test_a(start): expect(student.one(), start)\n",
         "helper.py": "def expect(a, b): assert a == b\n", "conftest.py": "import pytest\n@pytest.fixture\ndef start(): return 1\n"}, {}, "p"),
        ("def one(): return 1\n", {"test_a.py": "import student\ndef test_a(): assert student.one() == 1\n",
         "pytest.ini": "[pytest]\naddopts = -v --tb=short\nmarkers = slow\n"}, {}, "p"),
        ("def one(): return 1\n", {"check.py": "import student\ndef test_a(): assert student.one() == 1\n"}, {}, "p"),
        ("def one(): return 2\n", "import student\ndef test_a(): assert student.one() == 1\ndef test_b(): pass\n", {"stop_at_first_failure": True}, "fn"),
        ("def spin():\n    while True: pass\n", "import student\ndef test_a(): student.spin()\ndef test_b(): student.spin()\ndef test_c(): pass\n",
         {"limits": {"cpu_s": 0.3}, "unit_tests": {"total_cpu_s": 0.5}}, "een"),
        ("import json\ndef f(): return json.dumps([1])\n", "import student\ndef test_a(): assert student.f() == '[1]'\n", {}, "p"),
        ({"ada.py": "import json\ndef f(): return json.X\n", "json.py": "X = 5\n"}, "import ada\ndef test_a(): assert ada.f() == 5\n", {}, "p"),
        ("STATE = []\ndef f():\n    STATE.append(1)\n    return len(STATE)\ndef end():\n    import os; os._exit(1)\n",
         "import student\nSEEN = []\ndef test_a(): assert student.f() == 1\ndef test_b(): assert student.f() == 2\ndef test_c(): SEEN.append(1); student.end()\ndef test_d(): assert student.f() == 1 and not SEEN\n", {}, "ppep"),
    ],
    ids=["package", "modules", "missing module", "late import", "module", "shared files", "helpers", "settings", "an only file", "first failure", "total", "json", "own json", "new boxes"],
)  # fmt: skip
async def test_modules_and_files(
    run: Run, program: object, tests: object, keys: dict[str, object], outcomes: str
) -> None:
    ran = await run(program, tests, **keys)
    assert ran.outcomes == outcomes, (ran.fault, ran.said)


async def test_unittest(run: Run) -> None:
    tests = """
import unittest
from gradescope_utils.autograder_utils.decorators import weight
from student import one
class TestB(unittest.TestCase):
    @classmethod
    def setUpClass(cls): cls.x = one()
    def test_b(self): self.assertEqual(self.x, 1)
    @weight(2)
    def test_a(self): self.assertEqual(one(), 2)
    def test_c(self): raise ValueError
    @unittest.skip("x")
    def test_d(self): pass
    @unittest.expectedFailure
    def test_e(self): self.assertEqual(one(), 3)
    def test_f(self):
        for i in (1, 2):
            with self.subTest(i=i): self.assertEqual(one(), i)
def load_tests(loader, tests, pattern):
    return loader.loadTestsFromTestCase(TestB)
"""
    ran = await run("def one(): return 1\n", tests, unit_tests={"framework": "unittest"})
    assert [(test.name, test.points) for test in ran.collected][:2] == [("test_a", 2), ("test_b", 1)]
    assert ran.outcomes == "fpesxf", ran.said
    assert [test.message for test in ran.tests[:3]] == ["AssertionError: 1 != 2", None, "ValueError"]

    methods = "".join(f"    def test_{name}(self): self.assertEqual(one(), 1)\n" for name in "ab")
    tests = f"import unittest\nfrom student import one\nclass B(unittest.TestCase):\n{methods}class A(B): pass\n"
    chosen = (
        "def load_tests(loader, tests, pattern): return loader.loadTestsFromName('A.test_b', __import__(__name__))\n"
    )
    for added, groups in (("", "AABB"), (chosen, "A")):
        ran = await run("def one(): return 1\n", tests + added, unit_tests={"framework": "unittest"})
        assert "".join(test.group[-1] for test in ran.collected) == groups, ran.fault
    own = "def load_tests(loader, tests, pattern): return unittest.TestSuite([unittest.FunctionTestCase(one)])\n"
    ran = await run("def one(): return 1\n", tests + own, unit_tests={"framework": "unittest"})
    assert "is in no class of its file" in (ran.fault or "")


@pytest.mark.parametrize(
    ("tests", "sentence"),
    [
        ("import student\nX = student.VALUE + 1\ndef test_a(): pass\n", "test_student.py, line 2: the tests are listed without"),
        ("import pytest, student\n@pytest.mark.parametrize('x', student.CASES)\ndef test_a(x): pass\n", "line 2: the tests are listed"),
        ("import student\nif student.X: pass\ndef test_a(): pass\n", "line 2: the tests are listed"),
        ("import student\n", "No test was found."),
        ("def test_a(): pass\n", "The tests import no module of the student's."),
        ("import student\nimport pytest\n@pytest.mark.points('x')\ndef test_a(): pass\n", "has the points 'x'"),
        ("import student\nimport pytest\n@pytest.mark.points(1001)\ndef test_a(): pass\n", "from 0 to 1000"),
        ("import student\nimport pytest\n@pytest.mark.points(0)\ndef test_a(): pass\n", "No test has points."),
        ("import student\nraise ValueError('broken')\n", "ValueError: broken"),
        ("import student\ndef test_a(:\n", "SyntaxError"),
        ("import student\nimport os\nos._exit(0)\n", "The tests' own process ended"),
        ("import student\nwhile True: pass\n", "used up its"),
        ("import student\nclass Fake(student.Base): pass\ndef test_a(): pass\n", "cannot derive"),
        ("import student\nfrom gradescope_utils.autograder_utils.decorators import visibility\n@visibility('odd')\ndef test_a(): pass\n", "has the visibility 'odd'"),
        ("import student, pytest\n@pytest.mark.parametrize('x', range(1001))\ndef test_a(x): pass\n", "more than 1,000 tests"),
    ],
    ids=lambda text: text[-30:],
)  # fmt: skip
async def test_faults_of_the_tests_are_found_without_the_program(run: Run, tests: str, sentence: str) -> None:
    ran = await run("import os\nos._exit(0)\n", tests, unit_tests={"limits": {"cpu_s": 1}})
    assert sentence in (ran.fault or ""), ran.fault
    assert ran.tests == []


async def test_a_limit_ends_one_test(run: Run) -> None:
    program = """
import os, time
def spin():
    while True: pass
def fill():
    kept = []
    while True: kept.append(bytearray(1 << 22))
def write():
    while True: print("x" * 1000)
def burn():
    until = time.process_time() + 0.3
    while time.process_time() < until: pass
def one(): return 1
"""
    tests = """
import student
def test_cpu(): student.spin()
def test_memory(): student.fill()
def test_output(): student.write()
def test_first(): student.burn()
def test_second(): student.burn()
def test_own():
    while True: pass
def test_last(): assert student.one() == 1
"""
    limits = {"cpu_s": 0.5, "memory_bytes": 100 << 20, "output_bytes": 100_000}
    ran = await run(program, tests, limits=limits, unit_tests={"limits": {"cpu_s": 0.5}, "total_cpu_s": 60})
    verdicts = ["time_limit", "memory_limit", "output_limit", "accepted", "accepted", "time_limit", "accepted"]
    assert [test.verdict for test in ran.tests] == verdicts, ran.said
    assert ran.end
    assert (ran.end.starts, ran.end.verdict) == (4, "time_limit")
    assert ran.tests[0].cpu_s >= 0.5
    assert ran.tests[0].signal == 9
    assert 0.3 <= ran.tests[4].cpu_s < 0.5
