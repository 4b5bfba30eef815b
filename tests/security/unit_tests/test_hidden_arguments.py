"""What hidden tests pass to a program is not printed in visible tests, whose output is shown."""

from typing import Final

import pytest

from tests.security.unit_tests.conftest import Run

pytestmark = [pytest.mark.security, pytest.mark.asyncio(loop_scope="module")]

_PYTHON: Final = (
    "seen = []\ndef add(a, b): seen.append(a); print(seen); return a + b\n",
    """
import pytest
from student import add
@pytest.mark.hidden
def test_a(): assert add(4242, 1) == 4243
def test_b(): assert add(1, 2) == 3
@pytest.mark.hidden
def test_c(): assert add(4242, 2) == 4244
""",
)
_JAVASCRIPT: Final = (
    "const seen = []; exports.add = (a, b) => { seen.push(a); console.log(seen); return a + b }\n",
    """
import test from 'node:test'
import assert from 'node:assert'
import { add } from 'student'
test('a', { hidden: true }, () => assert.equal(add(4242, 1), 4243))
test('b', () => assert.equal(add(1, 2), 3))
test('c', { hidden: true }, () => assert.equal(add(4242, 2), 4244))
""",
)
_JAVA: Final = (
    """
public class Main {
    static final java.util.List<Integer> seen = new java.util.ArrayList<>();
    public static int add(int a, int b) { seen.add(a); System.out.println(seen); return a + b; }
}
""",
    """
import org.junit.jupiter.api.*;
import static org.junit.jupiter.api.Assertions.*;
interface Adder { int add(int a, int b); }
@TestMethodOrder(MethodOrderer.MethodName.class)
class StudentTest {
    Adder main = precieux.Student.statics(Adder.class, "Main");
    @Test @Tag("hidden") void a() { assertEquals(4243, main.add(4242, 1)); }
    @Test void b() { assertEquals(3, main.add(1, 2)); }
    @Test @Tag("hidden") void c() { assertEquals(4244, main.add(4242, 2)); }
}
""",
)


@pytest.fixture
def run_in(request: pytest.FixtureRequest) -> Run:
    run: Run = request.getfixturevalue(request.param)
    return run


@pytest.mark.parametrize(
    ("run_in", "program", "tests"),
    [
        pytest.param("run", *_PYTHON, id="py"),
        pytest.param("run_node", *_JAVASCRIPT, id="js"),
        pytest.param("run_java", *_JAVA, id="java"),
    ],
    indirect=["run_in"],
)
async def test_a_visible_test_prints_no_argument_of_a_hidden_one(run_in: Run, program: str, tests: str) -> None:
    ran = await run_in(program, tests)
    assert ran.outcomes == "ppp", (ran.fault, ran.said)
    assert [test.hidden for test in ran.collected] == [True, False, True]
    assert "4242" in ran.tests[2].stdout
    assert "4242" not in ran.tests[1].stdout
    assert ran.end
    assert (ran.end.points_awarded, ran.end.starts) == (3, 2)
