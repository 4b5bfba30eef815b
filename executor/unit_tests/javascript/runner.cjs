// The interface of `node:test`. The list of the tests is made before any of them runs, without the student's program.
'use strict'

const assert = require('assert')
const { mock } = require('node:test')

const MAX_POINTS = 1000
const { setTimeout, clearTimeout } = globalThis
const MockTracker = mock.constructor

class ListingFault extends Error {}

// A file, or a `describe`.
class Suite {
  constructor(name, parent, options) {
    this.name = name
    this.parent = parent
    this.options = { ...parent?.options, ...options }
    this.hooks = { before: [], after: [], beforeEach: [], afterEach: [] }
    this.left = 0 // tests that are chosen and have not ended
    this.hasBegun = false
    this.failure = null
  }

  get chain() {
    return this.parent ? [...this.parent.chain, this] : [this]
  }
}

class Runner {
  constructor() {
    this.tests = []
    this.running = null
    this.interface = this._interface()
    this._place = null // the suite or test that is under way
    this._pending = []
  }

  // Collect the tests of a file, while `load` loads it.
  async collect(name, load) {
    this._place = new Suite(name, null, {})
    await load()
    while (this._pending.length) await this._pending.shift()
  }

  // Run the tests that are chosen, in their order. `begin` returns what notes how a test ends; `settle` waits for what it
  // has left.
  async run(chosen, begin, settle) {
    for (const test of chosen) for (const suite of test.suite.chain) suite.left++
    for (const test of chosen) {
      this.running = begin(test)
      await this._run(test)
      await settle()
      this.running.end()
      this.running = this._place = null
    }
  }

  async _run(test) {
    const { suite, options } = test
    const note = (error) => this.running.note(isMarked(options.todo) ? 'xfail' : null, error)
    const isRun = !isMarked(options.skip) && typeof test.body === 'function'
    const context = this._place = new Context(test, note)
    try {
      if (isRun) await this._runBody(test, context)
    } catch (error) {
      note({ error })
    }
    const afterEach = suite.chain.reverse().flatMap((one) => one.hooks.afterEach)
    for (const hook of isRun ? [...context.hooks.after, ...afterEach] : []) {
      await attempt(hook, context, note)
    }
    for (const one of suite.chain.reverse()) {
      if (--one.left === 0 && one.hasBegun) for (const hook of one.hooks.after) await attempt(hook, context, note)
    }
    context.mock.reset()
    if (!isRun) this.running.note(isMarked(options.todo) ? 'xfail' : 'skipped', null)
    else if (isMarked(options.todo) || context.isTodo) this.running.note('xfail', null)
    else if (context.isSkipped) this.running.note('skipped', null)
    else this.running.hasSucceeded = true
  }

  async _runBody(test, context) {
    for (const suite of test.suite.chain) {
      if (!suite.hasBegun) {
        suite.hasBegun = true
        for (const hook of suite.hooks.before) await attempt(hook, context, (failure) => { suite.failure ??= failure })
      }
      if (suite.failure) throw suite.failure.error
    }
    for (const hook of test.suite.chain.flatMap((suite) => suite.hooks.beforeEach)) await call(hook, context)
    await context.finish(call(test.body, context), test.options.timeout)
  }

  _interface() {
    const test = (...args) => this._add(test, args)
    const describe = (...args) => this._add(describe, args)
    for (const [make, names] of [[test, ['test', 'it']], [describe, ['describe', 'suite']]]) {
      for (const mark of ['skip', 'todo', 'only']) {
        make[mark] = (...args) => this._add(make, args, { [mark]: true })
      }
      for (const name of names) test[name] = make
    }
    this._isTest = (make) => make === test
    for (const name of ['before', 'after', 'beforeEach', 'afterEach']) {
      test[name] = (hook) => { this._here.hooks[name].push(hook) }
    }
    return Object.assign(test, { mock, default: test })
  }

  get _here() {
    if (!this._place) throw new ListingFault('A test or hook is outside of the files and tests.')
    return this._place
  }

  _add(make, args, marks = {}) {
    const body = args.find((one) => typeof one === 'function')
    const given = args.find((one) => typeof one === 'object' && one !== null)
    const name = typeof args[0] === 'string' ? args[0] : body?.name || '<anonymous>'
    const [here, options] = [this._here, { ...given, ...marks }]
    if (here instanceof Context) return here.test(name, options, body)
    if (this._isTest(make)) {
      this.tests.push({ name, body, suite: here, options: { ...here.options, ...options } })
    } else {
      this._place = new Suite(name, here, options)
      this._pending.push(call(body ?? (() => {}), { name }))
      this._place = here
    }
    return Promise.resolve()
  }
}

// What a test gets as `t`. The tests inside of it count with it.
class Context {
  constructor(test, note) {
    this.name = test.name
    this.fullName = test.name
    this.mock = new MockTracker()
    this.signal = new AbortController().signal
    this.hooks = { before: [], after: [], beforeEach: [], afterEach: [] }
    this.isSkipped = this.isTodo = false
    this._inner = []
    this._count = 0
    this._note = note
    this.assert = Object.fromEntries(Object.entries(assert).filter(([, value]) => typeof value === 'function')
      .map(([name, value]) => [name, (...args) => {
        this._count++
        return value(...args)
      }]))
    for (const name of Object.keys(this.hooks)) this[name] = (hook) => { this.hooks[name].push(hook) }
    this.test = Object.assign((...args) => this._test(args), { skip: async () => {}, todo: async () => {} })
    this.it = this.test
  }

  skip() { this.isSkipped = true }
  todo() { this.isTodo = true }
  diagnostic() {}
  runOnly() {}
  plan(count) { this._planned = count }

  // Wait for the test and those inside of it.
  async finish(promise, timeout = Infinity) {
    let timer
    const late = new Promise((_, reject) => {
      const fail = () => reject(new Error(`The test took longer than ${timeout} ms.`))
      if (timeout < 2 ** 31) timer = setTimeout(fail, timeout)
    })
    await Promise.race([promise, late]).finally(() => clearTimeout(timer))
    while (this._inner.length) await this._inner.shift()
    assert.strictEqual(this._count, this._planned ?? this._count, 'The test has not made the assertions that it plans.')
  }

  _test(args) {
    const body = args.find((one) => typeof one === 'function')
    const options = args.find((one) => typeof one === 'object' && one !== null) ?? {}
    this._count++
    if (!body || isMarked(options.skip)) return Promise.resolve()
    const note = isMarked(options.todo) ? () => {} : this._note
    const inner = new Context({ name: String(args[0]) }, note)
    const ran = (async () => {
      for (const hook of this.hooks.beforeEach) await attempt(hook, inner, note)
      await attempt(() => inner.finish(call(body, inner), options.timeout), inner, note)
      for (const hook of [...inner.hooks.after, ...this.hooks.afterEach]) await attempt(hook, inner, note)
      inner.mock.reset()
    })()
    this._inner.push(ran)
    return ran
  }
}

const isMarked = (mark) => mark !== undefined && mark !== false

// Call a test or hook, which may take a function to call at its end.
async function call(body, context) {
  if (body.length < 2) return body.call(context, context)
  return new Promise((resolve, reject) => body.call(context, context, (error) => (error ? reject(error) : resolve())))
}

async function attempt(body, context, note) {
  try {
    await call(body, context)
  } catch (error) {
    note({ error })
  }
}

// Return the entry of a test in the list.
function describe({ name, suite, options }, visibility) {
  const group = suite.chain.map((one) => one.name).join(' > ')
  const points = isMarked(options.skip) || isMarked(options.todo) ? 0 : options.points ?? 1
  if (typeof points !== 'number' || !(points >= 0 && points <= MAX_POINTS)) {
    throw new ListingFault(
      `${group}: ${name} has the points ${String(points)}: they must be a number from 0 to ${MAX_POINTS}.`)
  }
  const hidden = Boolean(options.hidden ?? visibility === 'hidden')
  return { group, name, points: Math.round(points * 1e6) / 1e6, hidden }
}

module.exports = { ListingFault, Runner, describe }
