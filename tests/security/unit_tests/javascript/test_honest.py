# ruff: noqa: E501  the programs of others have long lines
"""Honest assignments in JavaScript keep their exact outcomes, points and messages."""

import pytest

from tests.security.unit_tests.conftest import Run
from tests.security.unit_tests.javascript.honest import ASSIGNMENTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

_HEAD = """
import { test, it, describe } from 'node:test'
import assert from 'node:assert'

"""
_TEST = "import test from 'node:test'\nimport assert from 'node:assert'\nimport { add } from 'student'\ntest('adds', () => { assert.equal(add(1, 2), 3) })\n"


@pytest.mark.parametrize(
    ("name", "right", "wrong", "tests", "of_right", "of_wrong"), ASSIGNMENTS, ids=[one[0] for one in ASSIGNMENTS]
)
async def test_an_assignment(
    run_node: Run, name: str, right: str, wrong: str, tests: str, of_right: str, of_wrong: str
) -> None:
    file = "student.test.cjs" if "require('node:test')" in tests else "student.test.mjs"
    for program, outcomes in ((right, of_right), (wrong, of_wrong)):
        ran = await run_node(program, {file: tests})
        assert ran.outcomes == outcomes, (name, ran.fault, ran.said)


async def test_points_and_names(run_node: Run) -> None:
    tests = (
        _HEAD
        + """
import { one } from 'student'
test('two points', { points: 2.5 }, () => assert.equal(one(), 1))
describe('outer', () => { describe('inner', { hidden: true }, () => { it('is hidden', () => assert.equal(one(), 1)) }) })
test.skip('skipped', { points: 4 }, () => {})
"""
    )
    ran = await run_node("exports.one = () => 1\n", {"tests/main.test.mjs": tests})
    assert [(test.group, test.name, test.points, test.hidden) for test in ran.collected] == [
        ("tests/main.test", "two points", 2.5, False),
        ("tests/main.test > outer > inner", "is hidden", 1, True),
        ("tests/main.test", "skipped", 0, False),
    ]
    assert ran.end
    assert (ran.outcomes, ran.end.points_awarded, ran.end.verdict) == ("pps", 3.5, "accepted")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("exports.add = () => 4\n", "AssertionError: 4 == 3"),
        ("exports.add = (a, b) => {\n  return a.b.c }\n", "TypeError: Cannot read properties of undefined (reading 'c')\nada.js, line 2, in "),
        ("exports.add = (a, b => 1\n", "ada.js could not be imported: SyntaxError: "),
        ("const x = 1\nx.y.z\n", "ada.js could not be imported: TypeError: Cannot read properties of undefined (reading 'z'), line 2"),
        ("exports.other = 1\n", "TypeError: add is not a function"),
        ("exports.add = () => process.exit(3)\n", "The program ended (`process.exit(3)` or alike) in this test."),
        ("process.exit(0)\n", "The program ended (`process.exit(0)` or alike) in its import."),
        ("exports.add = () => 'x'.repeat(9 << 20)\n", "The program answered with more than 8 MiB in this test."),
        ("exports.add = () => { const x = []; x.push(x); return x }\n", "RangeError: It contains itself, and cannot be copied."),
        ("exports.add = async () => new Promise(() => {})\n", "AssertionError: Promise {\n  <pending>\n} == 3"),
    ],
    ids=lambda text: text.split("\n")[0],
)  # fmt: skip
async def test_a_message_says_what_went_wrong(run_node: Run, program: str, message: str) -> None:
    ran = await run_node(program, _TEST)
    assert message in (ran.tests[0].message or ""), ran.said
    assert "import" not in (ran.tests[0].message or "").replace("could not be imported", "").replace("its import", "")


@pytest.mark.parametrize(
    ("program", "tests", "keys", "outcomes"),
    [
        ({"main.js": "exports.a = require('./lib/b').b", "lib/b.js": "exports.b = () => 2\n"},
         "import { a } from '../main.js'\nimport { b } from '../lib/b.js'\ntest('both', () => assert.equal(a(), b()))\n", {}, "p"),
        ("exports.one = () => 1\n", "import { one } from 'ada'\nimport q from 'queue'\ntest('a', () => assert.equal(one(), 1))\ntest('b', () => q())\n", {}, "pe"),
        ("exports.sep = 7\n", "import { sep } from 'path'\ntest('a', () => assert.equal(sep, 7))\n", {"unit_tests": {"module": "path"}}, "p"),
        ("exports.deal = () => require('./cards').card()\n", "import s from 'student'\ntest('a', () => assert.equal(s.deal(), 3))\n",
         {"unit_tests": {"shared_files": [{"path": "cards.js", "content": "exports.card = () => 3\n"}]}}, "p"),
        ("exports.one = () => 1\n", "import { one } from 'student'\nimport { two } from './helper.mjs'\ntest('a', () => assert.equal(2 * one(), two()))\n", {}, "p"),
        ("exports.one = () => 1\nexports.six = () => 6\n", "import { one, half } from './again.mjs'\ntest('a', () => assert.equal(half() / one(), 6))\n", {}, "p"),
        ("let n = 0\nexports.f = () => ++n\nexports.end = () => process.exit(1)\n",
         "import * as s from 'student'\nlet seen = 0\ntest('a', () => { seen++; assert.equal(s.f(), 1) })\ntest('b', () => assert.equal(s.f(), 2))\ntest('c', () => s.end())\ntest('d', () => assert.ok(s.f() === 1 && seen === 0))\n", {}, "ppep"),
        ("exports.one = () => 2\n", "import { one } from 'student'\ntest('a', () => assert.equal(one(), 1))\ntest('b', () => {})\n", {"stop_at_first_failure": True}, "fn"),
        ("exports.f = () => new Promise(() => {})\n", "import { f } from 'student'\ntest('a', () => f())\ntest('b', { timeout: 20 }, () => new Promise((r) => setTimeout(r, 1e6)))\n", {}, "ee"),
        ("exports.f = async () => 1\n", "import { f } from 'student'\ntest('a', () => { assert.rejects(f()) })\ntest('b', async () => assert.equal(await f(), 1))\n", {}, "fp"),
        ("exports.f = () => { Promise.reject(new Error('x')); return 1 }\n", "import { f } from 'student'\ntest('a', () => assert.equal(f(), 1))\n", {}, "p"),
    ],
    ids=["modules", "missing module", "module", "shared files", "helpers", "exported again", "new boxes", "first failure", "never settled", "not awaited", "dangling"],
)  # fmt: skip
async def test_modules_and_files(
    run_node: Run, program: object, tests: str, keys: dict[str, object], outcomes: str
) -> None:
    files = {"a.test.mjs": _HEAD + tests, "helper.mjs": "export const two = () => 2\n"}
    files["again.mjs"] = "export {\n  one,\n  six as half,\n} from 'student'\n"
    ran = await run_node(program, files, **keys)
    assert ran.outcomes == outcomes, (ran.fault, ran.said)


@pytest.mark.parametrize(
    ("tests", "sentence"),
    [
        ("import { X } from 'student'\nconst y = X + 1\n", "a.test.mjs, line 6: the tests are listed without"),
        ("import { cases } from 'student'\nfor (const one of cases) test('a', () => {})\n", "line 6: the tests are listed"),
        ("import s from 'student'\ntry { s.x() } catch {}\ntest('a', () => {})\n", "line 6: the tests are listed"),
        ("import { X } from 'student'\nclass Fake extends X {}\ntest('a', () => {})\n", "line 6: the tests are listed"),
        ("import 'node:fs'\nimport s from 'student'\n", "No test was found."),
        ("test('a', () => {})\n", "The tests import no module of the student's."),
        ("import s from 'student'\ntest('a', { points: 'x' }, () => {})\n", "has the points x"),
        ("import s from 'student'\ntest('a', { points: 1001 }, () => {})\n", "from 0 to 1000"),
        ("import s from 'student'\ntest('a', { points: 0 }, () => {})\n", "No test has points."),
        ("import s from 'student'\nthrow new Error('broken')\n", "Error: broken"),
        ("import s from 'student'\ntest('a', () => {\n", "SyntaxError"),
        ("import s from 'student'\nprocess.reallyExit(0)\n", "The tests' own process ended"),
        ("import s from 'student'\nfor (;;);\n", "used up its"),
        ("import s from 'student'\ntest('a', () => {})\ntest('a', () => {})\n", "There are two tests 'a'"),
        ("import s from 'student'\nfor (let i = 0; i < 1001; i++) test(`${i}`, () => {})\n", "more than 1,000 tests"),
    ],
    ids=lambda text: text[-30:],
)  # fmt: skip
async def test_faults_of_the_tests_are_found_without_the_program(run_node: Run, tests: str, sentence: str) -> None:
    ran = await run_node("process.exit(0)\n", {"a.test.mjs": _HEAD + tests}, unit_tests={"limits": {"cpu_s": 1}})
    assert sentence in (ran.fault or ""), ran.fault
    assert ran.tests == []


async def test_a_limit_ends_one_test(run_node: Run) -> None:
    program = """
exports.spin = () => { for (;;); }
exports.fill = () => { for (const kept = []; ;) kept.push(Buffer.alloc(1 << 22, 1)) }
exports.write = () => { for (;;) console.log('x'.repeat(1000)) }
exports.one = () => 1
"""
    tests = """
import { spin, fill, write, one } from 'student'
test('cpu', () => spin())
test('memory', () => fill())
test('output', () => write())
test('own', () => { for (;;); })
test('last', () => assert.equal(one(), 1))
"""
    limits = {"cpu_s": 0.5, "memory_bytes": 100 << 20, "output_bytes": 100_000}
    keys = {"limits": {"cpu_s": 0.5}, "total_cpu_s": 60}
    ran = await run_node(program, _HEAD + tests, limits=limits, unit_tests=keys)
    verdicts = ["time_limit", "memory_limit", "output_limit", "time_limit", "accepted"]
    assert [test.verdict for test in ran.tests] == verdicts, [(t.verdict, t.message) for t in ran.tests]


async def test_a_program_learns_nothing_of_the_tests(run_node: Run) -> None:
    spy = """
const fs = require('fs'), { execSync } = require('child_process')
exports.add = (a, b) => {
  for (const folder of ['/box', '/tmp', '/proc/self/fd']) console.log(fs.readdirSync(folder, { recursive: folder !== '/proc/self/fd' }).join(' '))
  console.log(process.argv, process.env, new Error().stack, Object.keys(require.cache), fs.readFileSync('/box/given/settings.json', 'utf8'))
  console.log(execSync('ls -l /proc/self/fd').toString().split('\\n').filter((line) => / [78] ->/.test(line)).map(() => 'inherits-the-relay'))
  return a + b
}
"""
    tests = "import { add } from 'student'\nconst SECRET = 'expected-by-the-teacher'\ntest('test of ada', () => assert.equal(add(20, 22), 42))\n"
    ran = await run_node(spy, _HEAD + tests)
    assert ran.outcomes == "p", ran.said
    printed = ran.tests[0].stdout
    assert "ada.js" in printed
    words = ("expected-by-the-teacher", "test of ada", "student.test", "points", "tests_box", "inherits-the-relay")
    assert not [word for word in words if word in printed]
