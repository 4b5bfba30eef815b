# ruff: noqa: E501  the programs of others have long lines
"""Honest assignments in Java keep their exact outcomes, points and messages."""

import pytest

from tests.security.unit_tests.conftest import Run
from tests.security.unit_tests.java.honest import ASSIGNMENTS, file_with

pytestmark = pytest.mark.asyncio(loop_scope="module")

_METHOD = 'S s = Student.statics(S.class, "A"); @Test void a() { assertEquals(3, s.add(1, 2)); }'
_TESTS = file_with("interface S { int add(int a, int b); }", _METHOD)


@pytest.mark.slow
@pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=[one[0] for one in ASSIGNMENTS])
async def test_an_assignment(run_java: Run, assignment: tuple[str, str, str, str, str, str, str]) -> None:
    _, right, wrong, interfaces, methods, of_right, of_wrong = assignment
    for program, outcomes in ((right, of_right), (wrong, of_wrong)):
        ran = await run_java({"A.java": program}, file_with(interfaces, methods))
        assert ran.outcomes == outcomes, (ran.fault, ran.said)


async def test_points_names_and_groups(run_java: Run) -> None:
    methods = """
    S s = Student.create(S.class, "A");
    @Test @Tag("points:2.5") void a() { s.push(1); s.push(2); assertEquals(2, s.pop()); }
    @Test void b() { assertThrows(IllegalStateException.class, s::pop); }
    @Nested class Inner { @Test @Tag("hidden") @Disabled void c() { } @Test void d() { assertEquals(0, s.size()); } }
"""
    program = "class A { int n; void push(int x) { n = x; } int pop() { if (n == 0) throw new IllegalStateException(); return n; } int size() { return n; } }"
    ran = await run_java(
        {"A.java": program}, file_with("interface S { void push(int x); int pop(); int size(); }", methods)
    )
    assert sorted((test.group, test.name, test.points, test.hidden) for test in ran.collected) == [
        ("StudentTest", "a", 2.5, False),
        ("StudentTest", "b", 1, False),
        ("StudentTest.Inner", "c", 0, True),
        ("StudentTest.Inner", "d", 1, False),
    ]
    assert ran.end
    assert (sorted(ran.outcomes), ran.end.points_awarded, ran.end.verdict) == (list("ppps"), 4.5, "accepted"), ran.said


@pytest.mark.slow
@pytest.mark.parametrize(("hook", "outcomes"), [("@AfterAll", "pe"), ("@BeforeAll", "ee")])
async def test_a_hook_that_fails_is_an_error(run_java: Run, hook: str, outcomes: str) -> None:
    methods = f"""
    S s = Student.statics(S.class, "A");
    {hook} static void fails() {{ throw new IllegalStateException("in a hook"); }}
    @Test void a() {{ assertEquals(3, s.add(1, 2)); }}
    @Test void b() {{ assertEquals(3, s.add(1, 2)); }}
"""
    tests = file_with("interface S { int add(int a, int b); }", methods)
    ran = await run_java({"A.java": "class A { static int add(int a, int b) { return a + b; } }"}, tests)
    assert ran.outcomes == outcomes, (ran.fault, ran.said)
    assert "in a hook" in (ran.tests[1].message or "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("class A { static int add(int a, int b) { return 4; } }", "AssertionFailedError: expected: <3> but was: <4>"),
        ("class A {\n static int add(int a, int b) {\n return b / (a - 1); } }", "ArithmeticException: / by zero\nA.java, line 3, in add"),
        ("class A { }", "A has no method `add` that takes (Integer, Integer)."),
        ("class B { }", "There is no class `A` in this submission."),
        ("class A { static int add(int a, int b) { System.exit(3); return 3; } }", "The program ended (`System.exit(3)` or alike) in this test."),
    ],
)  # fmt: skip
async def test_a_message_says_what_went_wrong(run_java: Run, program: str, message: str) -> None:
    ran = await run_java({"A.java": program}, _TESTS)
    assert message in (ran.tests[0].message or ""), ran.said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tests", "sentence"),
    [
        ("class StudentTest {", "The tests do not compile: "),
        (file_with("", ""), "No test was found."),
        (file_with("", '@Test @Tag("points:x") void a() { }'), "has the points x"),
        (file_with("", "@Test @Disabled void a() { }"), "No test has points."),
        (file_with("", "@Test void a() { } @RepeatedTest(2) void a(TestInfo x) { }"), "There are two tests 'a'"),
        (_TESTS.replace("import precieux.*;", "").replace(_METHOD, "@Test void a() { }"), "no class of the student's"),
    ],
)
async def test_faults_of_the_tests_are_found_without_the_program(run_java: Run, tests: str, sentence: str) -> None:
    ran = await run_java({"A.java": "class A { }"}, tests)
    assert sentence in (ran.fault or ""), ran.fault
    assert ran.tests == []


@pytest.mark.slow
async def test_a_program_learns_nothing_of_the_tests(run_java: Run) -> None:
    spy = """
import java.nio.file.*;
class A {
    static int add(int a, int b) throws Exception {
        for (String folder : new String[] {"/box", "/tmp"}) {
            try (var files = Files.walk(Path.of(folder))) { files.forEach(System.out::println); }
        }
        System.out.println(Files.readString(Path.of("/box/given/settings.json")) + System.getenv() + System.getProperties());
        for (StackTraceElement one : new Error().getStackTrace()) System.out.println(one);
        for (String name : new String[] {"StudentTest", "precieux.TestsBox", "org.junit.jupiter.api.Test"}) {
            try { System.out.println("found " + Class.forName(name)); } catch (ClassNotFoundException gone) { }
        }
        return a + b;
    }
}
"""
    ran = await run_java({"A.java": spy}, _TESTS)
    assert ran.outcomes == "p", ran.said
    printed = ran.tests[0].stdout
    assert "A.class" in printed
    assert not [word for word in ("StudentTest", "junit", "points", "TestsBox", "found") if word in printed]


@pytest.mark.slow
async def test_a_program_that_does_not_compile_has_all_tests_and_no_points(run_java: Run) -> None:
    ran = await run_java({"A.java": "class A {"}, _TESTS)
    assert (ran.outcomes, ran.end) == ("n", None)
