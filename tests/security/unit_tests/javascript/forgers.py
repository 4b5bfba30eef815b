# ruff: noqa: E501  the programs of others have long lines
"""Programs in JavaScript that try to get points without the right answers. None may get more than honest wrong work."""

from dataclasses import dataclass
from typing import Final

#: The tests that all of them face. The last one needs no program.
TESTS: Final = """
import { test } from 'node:test'
import assert from 'node:assert'
import * as student from 'student'
const { add, each } = student
const SECRET = 'expected-by-the-teacher'
test('strict', () => assert.strictEqual(add(1, 2), 3))
test('loose', () => assert.equal(add(1, 2), 3))
test('plain operator', () => assert.ok(add(1, 2) == 3))
test('order', () => assert.ok(2.9 < add(1, 2) && add(1, 2) < 3.1))
test('near', () => assert.ok(Math.abs(add(1, 2) - 3) < 1e-9))
test('text', () => assert.ok(`${add(1, 2)}` === '3'))
test('deep', () => assert.deepStrictEqual(add(1, 2), { a: [3] }))
test('deep and loose', () => assert.deepEqual(add(1, 2), { a: 3 }))
test('list', () => assert.deepEqual([add(1, 2)], [3]))
test('member', () => assert.ok([3].includes(add(1, 2))))
test('switch', () => { switch (add(1, 2)) { case 3: return } assert.fail() })
test('json', () => assert.equal(JSON.stringify([add(1, 2)]), '[3]'))
test('number', () => assert.ok(Number(add(1, 2)) === 3))
test('length', () => assert.ok([].concat(add(1, 2)).length === 2))
test('awaited', async () => assert.equal(await add(1, 2), 3))
test('raises', () => assert.throws(() => { add(1, 2) }, { code: 'ERR_ASSERTION', name: 'AssertionError' }))
test('raises an assertion', () => assert.throws(() => { add(1, 2) }, assert.AssertionError))
test('callback', () => { const seen = []; each([1, 2], (x) => { seen.push(x) }); assert.deepEqual(seen, [1, 2]) })
test('learns', () => { each([0], (x) => { assert.equal(x, 3) }); assert.equal(add(1, 2), 3) })
test('own assertion', () => {
  each([0], (x) => { if (x !== 3) throw Object.assign(new Error('it must be 3'), { name: 'AssertionError' }) })
  assert.equal(add(1, 2), 3)
})
test('polluted', () => assert.ok({}.isRight === true || [].isRight === true || add(1, 2) === 3))
test('alone', () => assert.ok(SECRET))
"""

#: The same in short, for programs that end their box in each test.
SHORT: Final = """
import { test } from 'node:test'
import assert from 'node:assert'
import { add, each } from 'student'
test('strict', () => assert.strictEqual(add(1, 2), 3))
test('callback', () => { const seen = []; each([1, 2], (x) => { seen.push(x) }); assert.deepEqual(seen, [1, 2]) })
test('alone', () => assert.ok(true))
"""

_REST: Final = "\nmodule.exports = { add, each: () => { add(1, 2) } }\n"


def _returns(value: str, before: str = "") -> str:
    return f"{before}\nfunction add(a, b) {{ return {value} }}{_REST}"


def _does(attack: str) -> str:
    return f"const fs = require('fs')\nfunction add(a, b) {{ {attack}; return null }}{_REST}"


#: Finds the agent: its file is in the cache of modules, and its methods can be replaced.
_LINES: Final = "const { Lines } = require('/box/given/lines.cjs'); const { write, read } = Lines.prototype\n"


def _sends(message: str) -> str:
    """A program that writes this in place of its answers to calls."""
    return _returns(
        "null",
        _LINES
        + "let request = { do: 'start' }; Lines.prototype.read = function () { const line = read.call(this); request = line && JSON.parse(line); return line }\n"
        + f"Lines.prototype.write = function (text) {{ if (request.do !== 'call') return write.call(this, text); const id = request.id; {message} }}",
    )


FORGERS: Final[dict[str, str]] = {
    # ends its process
    "exits": _does("process.exit(0)"),
    "exits at once": _does("process.reallyExit(0)"),
    "aborts": _does("process.abort()"),
    "kills itself": _does("process.kill(process.pid, 'SIGKILL')"),
    "kills everybody": _does("process.kill(-1, 'SIGKILL')"),
    "exits at import": "process.exit(0)\n",
    "exits later": _does("setTimeout(() => process.exit(0)); return new Promise(() => {})"),
    # raises what a framework obeys
    "throws an assertion": _does("require('assert').fail('x')"),
    "pretends an assertion": _does(
        "const e = new Error('x'); e.code = 'ERR_ASSERTION'; e.name = 'AssertionError'; throw e"
    ),
    "throws a plain assertion": _does(
        "throw { code: 'ERR_ASSERTION', name: 'AssertionError', message: 'x' }".replace(
            "'AssertionError'", "'Assertion' + 'Err'"
        )
    ),
    "throws undefined": _does("throw undefined"),
    "throws a class": _does("throw class {}"),
    "rejects later": _does("Promise.reject(new Error('x'))"),
    # objects that agree with everything
    "valueOf": _returns("({ valueOf: () => 3, toString: () => '3' })"),
    "toPrimitive": _returns("({ [Symbol.toPrimitive]: () => 3 })"),
    "toPrimitive of a class": _returns(
        "new (class { [Symbol.toPrimitive]() { return 3 } valueOf() { return 3 } toJSON() { return 4 } })()"
    ),
    "a boxed number": _returns("Object.assign(new Number(4), { valueOf: () => 3 })"),
    "a subclass of Number": _returns("new (class extends Number { valueOf() { return 3 } })(4)"),
    "proxy": _returns(
        "new Proxy({}, { get: (_, name) => name === 'then' ? undefined : () => 3, has: () => true, ownKeys: () => [] })"
    ),
    "proxy of a function": _returns("new Proxy(function () {}, { get: () => 3, apply: () => 3 })"),
    "proxy of a list": _returns(
        "new Proxy([], { get: (list, name) => name === 'length' ? 1 : Reflect.get(list, name) })"
    ),
    "a thenable": _returns("({ then(resolve) { resolve(4) } })"),
    "a thenable that never ends": _returns("new (class { then() {} })()"),
    "getters": _returns("({ get a() { return (this.n = (this.n ?? 0) + 1) }, get length() { return 2 } })"),
    "spreadable": _returns(
        "new (class { get [Symbol.isConcatSpreadable]() { return true } get length() { return 3 } })()"
    ),
    "toStringTag": _returns("new (class { get [Symbol.toStringTag]() { return 'Number' } })()"),
    "hasInstance": _returns("new (class { static [Symbol.hasInstance]() { return true } })()"),
    "a list of its own": _returns(
        "new (class extends Array { includes() { return true } toString() { return '3' } })(4)"
    ),
    "a map of its own": _returns("new (class extends Map { get size() { return 1 } })()"),
    "a bigint": _returns("'3 '.repeat(2)"),
    # changes what is everybody's, in its own process
    "patches assert": _returns(
        "null", "const assert = require('assert'); for (const name of Object.keys(assert)) assert[name] = () => {}"
    ),
    "replaces assert": _returns(
        "null",
        "require.cache; const Module = require('module'); const load = Module._load; Module._load = (name, ...rest) => /assert|test/.test(name) ? () => {} : load(name, ...rest)",
    ),
    "pollutes prototypes": _returns(
        "null",
        "Object.prototype.isRight = true; Array.prototype.isRight = true; Object.is = () => true; Array.prototype.includes = () => true; Math.abs = () => 0",
    ),
    "patches JSON": _returns(
        "null", "const s = JSON.stringify; JSON.stringify = (x) => s(x).replace('null', '{\"number\":\"NaN\"}')"
    ),
    "__proto__ in JSON": _returns('JSON.parse(\'{"__proto__": {"isRight": true, "a": 3}}\')'),
    "constructor in JSON": _returns('JSON.parse(\'{"constructor": {"prototype": {"isRight": true}}}\')'),
    # talks to the tests itself
    "writes to the relay": _does(
        "for (let fd = 3; fd < 30; fd++) { try { fs.writeSync(fd, '{\"value\":3}\\n') } catch {} }"
    ),
    "writes an event": _does(
        "for (let fd = 1; fd < 30; fd++) { try { fs.writeSync(fd, JSON.stringify({ event: 'end', number: 1, outcome: 'passed', verdict: 'accepted', points: 1, message: '', judge_message: '', out: '', err: '', cut: [] }) + '\\n') } catch {} }"
    ),
    "closes the relay": _does("for (let fd = 3; fd < 30; fd++) { try { fs.closeSync(fd) } catch {} }"),
    "reads the relay": _does("try { fs.readSync(7, Buffer.alloc(9999)) } catch {}"),
    "finds nothing": _does(
        "for (const name of ['tests_box.cjs', 'sources', 'runner.cjs']) if (fs.existsSync('/box/given/' + name)) return 3"
    ),
    "answers another": _sends("write.call(this, JSON.stringify({ id: '0'.repeat(16), value: 3 }))"),
    "answers twice": _sends("const line = JSON.stringify({ id, value: 4 }); write.call(this, line + '\\n' + line)"),
    "answers a key": _sends("write.call(this, JSON.stringify({ id, value: 4, outcome: 'passed' }))"),
    "answers nothing": _sends("write.call(this, JSON.stringify({ id }))"),
    "answers a tag": _sends("write.call(this, JSON.stringify({ id, value: { eval: 'process.exit(0)' } }))"),
    "answers __proto__": _sends(
        'write.call(this, \'{"id":\' + JSON.stringify(id) + \',"__proto__":{"value":3},"value":{"__proto__":{"isRight":true}}}\')'
    ),
    "answers a key of Object": _sends(
        "write.call(this, JSON.stringify({ id, value: { object: ['__proto__', { object: ['isRight', true] }] } }))"
    ),
    "answers a builtin": _sends("write.call(this, JSON.stringify({ id, value: { same: 'constructor' } }))"),
    "answers bytes of no type": _sends(
        "write.call(this, JSON.stringify({ id, value: { bytes: ['constructor', 'AAAA'] } }))"
    ),
    "answers a callback": _sends("write.call(this, JSON.stringify({ id, callback: '__proto__', with: [] }))"),
    "answers a symbol's name": _sends(
        "write.call(this, JSON.stringify({ id, value: { handle: ['__proto__', 'function'] } }))"
    ),
    "answers deeply": _sends(
        "write.call(this, '{\"id\":\"' + id + '\",\"value\":' + '['.repeat(1e6) + ']'.repeat(1e6) + '}')"
    ),
    "answers no JSON": _sends("write.call(this, 'null')"),
    "answers at length": _sends("write.call(this, '['.repeat(9 << 20))"),
    "raises the same": _sends("write.call(this, JSON.stringify({ id, raise: { same: 0 } }))"),
    "raises as AssertionError": _sends(
        "write.call(this, JSON.stringify({ id, raise: { names: ['AssertionError', 'Error'], name: 'AssertionError', message: '', cause: null, lines: [], handle: 5, fields: [['code', 'ERR_ASSERTION'], ['name', 'AssertionError'], ['__proto__', { object: [] }]] } }))"
    ),
    "names an assertion by a list": _sends(
        "write.call(this, JSON.stringify({ id, raise: { names: ['Error'], name: ['AssertionError'], message: '', cause: null, lines: [], handle: 5, fields: [] } }))"
    ),
    "restores what it likes": _sends(
        "write.call(this, JSON.stringify({ id, value: 4, left: { __proto__: null, length: { array: [] } } }))"
    ),
    "restores a builtin": _sends(
        "write.call(this, JSON.stringify({ id, value: 4, left: { constructor: { handle: [1, 'object'] } } }))"
    ),
    "patches what decodes": _returns("[1]", "Array.prototype.map = () => [3]; Array.isArray = () => true"),
    # takes too much
    "loops": _does("for (;;);"),
    "waits": _does("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)"),
    "recurses": _does("add()"),
    "answers a lot": _returns("'x'.repeat(9 << 20)"),
    "answers many": _returns("new Array(2e6).fill(0)"),
    "contains itself": _returns("kept", "const kept = []; kept.push(kept)"),
    "fills memory": _does("for (const kept = []; ;) kept.push(Buffer.alloc(1 << 22, 1))"),
    "writes without end": _does("for (;;) console.log('x'.repeat(1000))"),
    # learns from what the tests say
    "swallows assertions": "module.exports = { add: (a, b) => null, each(list, f) { for (const x of list) { try { f(3) } catch {} } } }\n".replace(
        "f(3)", "f(9)"
    ),
    "learns from assertions": "let known = null\nmodule.exports = { add: () => known, each(list, f) { for (const x of list) { try { f(9) } catch (e) { known = e.expected ?? Number(/\\d+$/.exec(e.message)?.[0] ?? NaN) } } } }\n",
}

#: Those that end their box in each test that calls them, or take long. Each such test costs two boxes.
ENDS_BOXES: Final = {name for name in FORGERS if name.startswith(("exits", "aborts", "kills", "writes an", "writes to", "closes", "reads", "answers", "raises", "restores", "loops", "waits", "fills", "writes without", "rejects"))} - {
    "answers many", "exits at import", "raises the same"}  # fmt: skip


#: Of these, those that every run of the suite has.
QUICK: Final = {
    "exits",
    "exits later",
    "writes to the relay",
    "answers another",
    "answers a key of Object",
    "loops",
    "writes without end",
}


@dataclass(frozen=True)
class Mutant:
    """A guard of ours, without which a forger gets points."""

    forger: str
    file: str
    guard: str
    without: str
    test: str = ""


def one_test(body: str) -> str:
    """Return tests with this body, of which the only one must be lost."""
    return "\n".join([*TESTS.split("\n")[1:5], f"test('one', async () => {{ {body} }})", ""])


MUTANTS: Final = [
    Mutant(
        "toPrimitive",
        "handles.cjs",
        "[[Symbol.toPrimitive, refuse], ",
        "[[Symbol.toPrimitive, () => relay.ask('get', handle, 'valueOf')], ".replace(
            "relay.ask('get', handle, 'valueOf')", "3"
        ),
        "assert.ok(add(1, 2) == 3)",
    ),
    Mutant("answers another", "relay.cjs", "message.id !== id || ", "", "add(1, 2); assert.equal(add(1, 2), 3)"),
    Mutant(
        "answers a key",
        "relay.cjs",
        "message.id !== id || !isKnown",
        "message.id !== id",
        "assert.equal(add(1, 2), 4)",
    ),
    Mutant(
        "answers nothing",
        "relay.cjs",
        "if (!('value' in message)) throw new BrokenProtocol('no value')",
        "",
        "assert.equal(add(1, 2), undefined)",
    ),
    Mutant(
        "swallows assertions",
        "relay.cjs",
        "if (this.isAssertion(error)) this._pending ??= error\n      try",
        "try",
        "each([0], (x) => assert.equal(x, 3))",
    ),
    Mutant(
        "learns from assertions",
        "relay.cjs",
        "this.isAssertion(error) ? '' : String(error.message)",
        "String(error.message)",
        "try { each([0], (x) => { throw new assert.AssertionError({ message: 'it must be 3' }) }) } catch {} assert.equal(add(1, 2), 3)",
    ),
    Mutant(
        "learns from assertions",
        "relay.cjs",
        "error.name === 'AssertionError'",
        "error instanceof require('assert').AssertionError",
        "class AssertionError extends Error { name = 'AssertionError' } try { each([0], () => { throw new AssertionError('it must be 3') }) } catch {} assert.equal(add(1, 2), 3)",
    ),
    Mutant(
        "names an assertion by a list",
        "relay.cjs",
        "title !== 'AssertionError'",
        "name !== 'AssertionError'",
        "assert.throws(() => add(1, 2), { name: 'AssertionError' })",
    ),
    Mutant("a thenable", "handles.cjs", "name === 'then' ? undefined : ask", "ask", "assert.equal(await add(1, 2), 4)"),
    Mutant(
        "answers a key of Object",
        "values.cjs",
        "Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })",
        "target[key] = value",
        "assert.ok(add(1, 2).isRight)",
    ),
    Mutant(
        "pretends an assertion",
        "relay.cjs",
        " && value !== 'ERR_ASSERTION'",
        "",
        "assert.throws(() => add(1, 2), { code: 'ERR_ASSERTION' })",
    ),
]
