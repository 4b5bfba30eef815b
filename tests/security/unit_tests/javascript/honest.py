# ruff: noqa: E501  the programs of others have long lines
"""Assignments in JavaScript: a right program, a wrong one, the tests, and the outcomes of each as letters."""

from typing import Final

_HEAD: Final = """
import { test, it, describe, before, beforeEach, afterEach, after, mock } from 'node:test'
import assert from 'node:assert/strict'
"""

ASSIGNMENTS: Final[list[tuple[str, str, str, str, str, str]]] = [
    (
        "functions",
        "exports.add = (a, b) => a + b\n",
        "exports.add = (a, b) => a - b\n",
        _HEAD
        + """
import { add } from 'student'
for (const [a, b, sum] of [[1, 2, 3], [0, 0, 0], [10n ** 40n, 1n, 10n ** 40n + 1n]]) {
  test(`adds ${a} and ${b}`, () => assert.equal(add(a, b), sum))
}
test('adds texts', () => assert.equal(add('a', 'b'), 'ab'))
""",
        "pppp",
        "fpff",
    ),
    (
        "values",
        "export const same = (x) => x\nexport const kind = (x) => Object.prototype.toString.call(x)\n",
        "export const same = () => null\nexport const kind = () => 'x'\n",
        _HEAD
        + """
import { same, kind } from 'student'
const proto = JSON.parse('{"__proto__": {"isAdmin": true}, "constructor": 1}')
const VALUES = [undefined, true, 5, -0, NaN, Infinity, 1.5, 10n ** 50n, -5n, 'é\\ud800', [1, [2]], { a: 1, b: [2] },
  Object.assign(Object.create(null), { x: 1 }), proto, new Map([[1, { a: 2 }], ['x', []]]), new Set([1, 'a']), new Date(5),
  /a.b/gi, Buffer.from('hi'), new Uint8Array([1, 2]), new Float64Array([1.5]), new BigInt64Array([1n])]
VALUES.forEach((value, i) => test(`value ${i}`, () => {
  const got = same(value)
  assert.deepStrictEqual(got, value)
  assert.equal(kind(value), Object.prototype.toString.call(value))
  assert.equal({}.isAdmin, undefined)
}))
test('null', () => assert.equal(same(null), null))
test('the same object', () => { const list = [1]; assert.equal(same(list), list) })
""",
        "p" * 24,
        "f" * 22 + "pf",
    ),
    (
        "classes",
        """
class Vector {
  static DIMENSIONS = 2
  #secret = 1
  constructor(x, y) { this.x = x; this.y = y }
  add(other) { return new Vector(this.x + other.x, this.y + other.y) }
  get norm() { return Math.hypot(this.x, this.y) }
  toString() { return `(${this.x}, ${this.y})` }
  equals(other) { return other instanceof Vector && this.x === other.x && this.y === other.y }
  static zero() { return new Vector(0, 0) }
  *[Symbol.iterator]() { yield this.x; yield this.y }
}
class Named extends Vector {}
module.exports = { Vector, Named }
""",
        "class Vector { constructor(x, y) { this.x = y; this.y = x } }\nmodule.exports = { Vector }\n",
        _HEAD
        + """
import { Vector, Named } from 'student'
test('attributes', () => {
  const v = new Vector(1, 2)
  assert.deepEqual([v.x, v.y], [1, 2])
  v.x = 5
  assert.equal(v.x, 5)
  assert.ok('y' in v && !('z' in v))
  delete v.y
  assert.deepEqual(Object.keys(v), ['x'])
})
test('methods', () => {
  const v = new Vector(1, 2).add(new Vector(2, 2))
  assert.equal(v.norm, 5)
  assert.equal(v.toString(), '(3, 4)')
  assert.ok(v.equals(new Vector(3, 4)) && !v.equals({ x: 3, y: 4 }))
})
test('class', () => {
  assert.ok(Vector.zero() instanceof Vector && !({} instanceof Vector) && new Named(1, 2) instanceof Vector)
  assert.equal(Vector.DIMENSIONS, 2)
  assert.equal(Vector.name, 'Vector')
  assert.equal(new Vector(1, 2).constructor, Vector)
})
test('iteration', () => assert.deepEqual([...new Vector(1, 2)], [1, 2]))
test('a handle is no plain value', () => assert.notDeepStrictEqual(new Vector(1, 2), { x: 1, y: 2 }))
test('no class without new', () => assert.throws(() => Vector(1, 2), TypeError))
""",
        "pppppp",
        "feeepp",
    ),
    (
        "identity",
        "class Node {}\nconst head = new Node()\nmodule.exports = { head: () => head, sameAs: (node) => node === head }\n",
        "class Node {}\nmodule.exports = { head: () => new Node(), sameAs: () => false }\n",
        _HEAD
        + """
import * as student from 'student'
test('the same object', () => assert.equal(student.head(), student.head()))
test('goes back', () => assert.equal(student.sameAs(student.head()), true))
""",
        "pp",
        "ff",
    ),
    (
        "sorting in place",
        "module.exports = (list) => { list.sort((a, b) => a - b) }\n",
        "module.exports = (list) => { list.sort() }\n",
        """
const test = require('node:test')
const assert = require('assert')
const sort = require('../ada')
test('sorts', () => { const list = [10, 9, 1]; assert.equal(sort(list), undefined); assert.deepStrictEqual(list, [1, 9, 10]) })
test('short', () => { const list = []; sort(list); assert.deepStrictEqual(list, []) })
test('leaves frozen lists', () => assert.throws(() => sort(Object.freeze([2, 1])), TypeError))
""",
        "ppp",
        "fpp",
    ),
    (
        "errors",
        """
class Empty extends RangeError { constructor(size) { super('empty'); this.size = size; this.code = 'E_EMPTY' } }
exports.Empty = Empty
exports.pop = (list) => { if (!list.length) throw new Empty(0); return list.pop() }
exports.parse = (text) => JSON.parse(text)
exports.plain = () => { throw 'a text' }
""",
        "exports.pop = (list) => list.pop()\nexports.parse = () => null\nexports.plain = () => { throw new Error('a text') }\n",
        _HEAD
        + """
import { pop, parse, plain, Empty } from 'student'
test('its own class', () => assert.throws(() => pop([]), Empty))
test('the base', () => assert.throws(() => pop([]), RangeError))
test('fields', () => assert.throws(() => pop([]), { message: 'empty', code: 'E_EMPTY', size: 0 }))
test('builtin', () => assert.throws(() => parse('{'), SyntaxError))
test('text', () => assert.throws(plain, (error) => error === 'a text'))
test('none', () => assert.equal(pop([7]), 7))
test('raised', () => { pop([]) ; assert.fail('no error') })
""",
        "ppppppe",
        "fffffpf",
    ),
    (
        "promises",
        """
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
export async function double(x) { await sleep(2); return 2 * x }
export async function fail() { await null; throw new TypeError('no') }
export async function mapAsync(list, f) { const out = []; for (const x of list) out.push(await f(x)); return out }
export async function* count(n) { for (let i = 0; i < n; i++) { await sleep(1); yield i } }
export const first = (promises) => Promise.race(promises)
""",
        "export const double = (x) => 2 * x\nexport async function fail() {}\nexport async function mapAsync(list) { return list }\nexport async function* count() {}\nexport const first = () => new Promise(() => {})\n",
        _HEAD
        + """
import { double, fail, mapAsync, count, first } from 'student'
test('is a promise', async () => { assert.ok(double(2) instanceof Promise); assert.equal(await double(2), 4) })
test('rejects', async () => { await assert.rejects(fail(), TypeError) })
test('calls back', async () => {
  const seen = await mapAsync([1, 2], async (x) => { await new Promise((r) => setTimeout(r, 2)); return x + 1 })
  assert.deepEqual(seen, [2, 3])
})
test('all', async () => assert.deepEqual(await Promise.all([double(1), double(2), double(3)]), [2, 4, 6]))
test('iterates', async () => { const all = []; for await (const x of count(3)) all.push(x); assert.deepEqual(all, [0, 1, 2]) })
test('takes promises', async () => assert.equal(await first([new Promise(() => {}), Promise.resolve(7)]), 7))
test('callback style', (t, done) => { double(4).then?.((x) => { assert.equal(x, 8); done() }) ?? done(new Error('no promise')) })
""",
        "ppppppp",
        "fffpfee",
    ),
    (
        "callbacks",
        "exports.map = (list, f) => { const out = []; for (let i = 0; i < list.length; i++) out.push(f(list[i], i)); return out }\nexports.counter = () => { let n = 0; return { up() { return ++n }, get value() { return n } } }\nexports.compose = (f, g) => (x) => f(g(x))\n",
        "exports.map = (list) => list\nexports.counter = () => ({ up() { return 1 }, value: 0 })\nexports.compose = (f) => f\n",
        _HEAD
        + """
import { map, counter, compose } from 'student'
test('mock', (t) => {
  const f = t.mock.fn((x) => 2 * x)
  assert.deepEqual(map([1, 2], f), [2, 4])
  assert.equal(f.mock.callCount(), 2)
  assert.deepEqual(f.mock.calls[1].arguments, [2, 1])
})
test('closure', () => { const c = counter(); c.up(); c.up(); assert.equal(c.value, 2) })
test('compose', () => assert.equal(compose((x) => x + 1, (x) => x * 10)(5), 51))
test('an error of a callback', () => {
  const own = new TypeError('mine')
  assert.throws(() => map([1], () => { throw own }), (error) => error === own)
})
test('an assertion', () => { map([1], (x) => assert.equal(x, 1)); map([3], (x) => assert.equal(x, 3)) })
""",
        "ppppp",
        "ffffp",
    ),
    (
        "hooks and marks",
        "let n = 0\nexports.next = () => ++n\nexports.reset = () => { n = 0 }\n",
        "exports.next = () => 1\nexports.reset = () => {}\n",
        _HEAD
        + """
import * as student from 'student'
describe('counter', () => {
  let log = []
  before(() => { log.push('before') })
  beforeEach(() => student.reset())
  afterEach(() => { log.push('each') })
  it('counts', { points: 3 }, () => { assert.equal(student.next(), 1); assert.equal(student.next(), 2) })
  it('begins anew', () => { assert.equal(student.next(), 1); assert.deepEqual(log, ['before', 'each']) })
  describe('inner', { hidden: true }, () => { it('is in order', async (t) => {
    await t.test('a', () => assert.equal(student.next(), 1))
    await t.test('b', () => assert.equal(student.next(), 2))
  }) })
  it.skip('later', () => assert.fail())
  it('todo', { todo: true }, () => assert.fail())
  it('skips itself', (t) => { t.skip('here') })
  it('plans', (t) => { t.plan(1); t.assert.equal(student.next(), 1) })
})
""",
        "pppsxsp",
        "fpfsxsp",
    ),
    (
        "default exports",
        "export default class Stack { #items = []; push(x) { this.#items.push(x) } pop() { return this.#items.pop() } get size() { return this.#items.length } }\n",
        "export default class Stack { push() {} pop() { return 0 } get size() { return 0 } }\n",
        _HEAD
        + """
import Stack from 'student'
test('pops the last', () => { const s = new Stack(); s.push(1); s.push(2); assert.equal(s.pop(), 2); assert.equal(s.size, 1) })
test('is empty', () => assert.equal(new Stack().size, 0))
test('keeps objects', () => { const s = new Stack(); s.push({ a: [1] }); assert.deepStrictEqual(s.pop(), { a: [1] }) })
""",
        "ppp",
        "fpf",
    ),
    (
        "mocked modules and output",
        "exports.roll = () => 4\nexports.twice = () => exports.roll() + exports.roll()\nexports.greet = () => { console.log('hi'); require('fs').writeSync(1, 'raw') }\n",
        "exports.roll = () => 4\nexports.twice = () => 2\nexports.greet = () => {}\n",
        _HEAD
        + """
import student from 'student'
test('mocked', (t) => { t.mock.method(student, 'roll', () => 6); assert.equal(student.twice(), 12) })
test('restored', () => assert.equal(student.roll(), 4))
test('output', (t) => {
  const { mock: seen } = t.mock.method(process.stdout, 'write', () => true)
  student.greet()
  assert.equal(seen.calls.map((one) => one.arguments[0]).join(''), 'hi\\nraw')
})
""",
        "ppp",
        "fpf",
    ),
    (
        "sources and later imports",
        "exports.f = function f(n) { return n ? n * f(n - 1) : 1 }\n",
        "exports.f = (n) => { let x = 1; for (let i = 1; i < n; i++) x *= i; return x }\n",
        _HEAD
        + """
import { source } from 'precieux_tests'
test('is recursive', () => assert.match(source(), /n \\* f\\(/))
test('value', async () => { const { f } = await import('student'); assert.equal(f(5), 120) })
test('no file', async () => assert.throws(() => source('../settings.json')))
""",
        "ppp",
        "ffp",
    ),
]
