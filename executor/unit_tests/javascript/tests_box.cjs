// The main program of the tests' box: it lists the tests, and runs them against the student's box.
'use strict'

const fs = require('fs')
const path = require('path')
const { pathToFileURL } = require('url')
const { Modules } = require('./modules.cjs')
const { NotImported, Relay, handles } = require('./relay.cjs')
const { ListingFault, Runner, describe } = require('./runner.cjs')

const REPORT = 9
const WORK = '/box/work'
const MAX_TESTS = 1000
const [MESSAGE, FULL_REPORT] = [4096, 16384]
// The verdict that goes with an outcome. Of the others it is null.
const VERDICTS = { passed: 'accepted', failed: 'wrong_answer', error: 'runtime_error' }
const { readSync, writeSync } = fs
const exit = process.reallyExit.bind(process)

// Send an event to the executor, and wait until it has taken it.
function tell(event, fields = {}) {
  const line = Buffer.from(`${JSON.stringify({ event, ...fields })}\n`)
  for (let start = 0; start < line.length;) start += writeSync(REPORT, line, start)
  if (readSync(REPORT, Buffer.alloc(1)) === 0) exit(1)
}

// End this box, because the student's box has ended or has broken the protocol.
function lose(reason) {
  tell('lost', { reason })
  exit(1)
}

// A test that runs. What is noted first decides its outcome.
class RunningTest {
  constructor(relay, number, points) {
    Object.assign(this, { _relay: relay, _number: number, _points: points })
    Object.assign(this, { _outcome: 'passed', _message: '', _report: '' })
    this.hasSucceeded = false // nothing else makes a test pass
    tell('begin', { number })
  }

  // Note how a part of the test ended, if not well. `thrown` has the `error`, if there is one.
  note(outcome, thrown) {
    if (this._outcome !== 'passed' && !(this._outcome === 'skipped' && outcome === null)) return
    this._outcome = outcome ?? (this._relay.isAssertion(thrown.error) ? 'failed' : 'error')
    if (!thrown) return
    this._message = explain(thrown.error, this._relay)
    this._report = thrown.error instanceof Error ? `${this._message}\n${thrown.error.stack}` : this._message
  }

  end() {
    if (!this.hasSucceeded) this.note('error', { error: new Error('The test did not come to its end.') })
    const { isOver, ...outputs } = this._relay.takeOutputs()
    const isPassed = this._outcome === 'passed' && !isOver
    tell('end', {
      number: this._number,
      outcome: isOver ? 'error' : this._outcome,
      verdict: isOver ? 'output_limit' : VERDICTS[this._outcome] ?? null,
      points: isPassed ? this._points : 0,
      message: isOver ? 'The program wrote more than its limit of output in this test.' : cut(this._message, MESSAGE),
      judge_message: cut(this._report, FULL_REPORT),
      ...outputs
    })
  }
}

// Return the type and text of an error, with the student's lines, and no line of a test.
function explain(error, relay) {
  if (handles.has(error)) return "An object of the student's was thrown."
  if (error instanceof NotImported) return error.message
  if (!(error instanceof Error)) return `This was thrown: ${require('util').inspect(error)}`
  return [`${error.name}: ${error.message}`, ...relay.lines.get(error) ?? []].join('\n')
}

function cut(text, size) {
  return Buffer.from(text).subarray(0, size).toString().replace(/\ufffd$/, '') || null
}

class TestsBox {
  constructor(settings) {
    this._settings = settings
    this._runner = new Runner()
    this._relay = new Relay(lose, settings.output_bytes)
    const student = (name) => this._relay.module(name)
    this._modules = new Modules(this._runner.interface, student, settings.module, settings.entry)
    for (const event of ['uncaughtException', 'unhandledRejection']) {
      process.on(event, (error) => this._runner.running?.note(null, { error }))
    }
  }

  async run() {
    const { failure, modules, numbers } = this._settings
    this._modules.prepare()
    if (numbers !== null) this._begin(modules, failure)
    for (const file of this._settings.tests) {
      await this._runner.collect(file.replace(/\.[mc]?js$/, ''), () => import(pathToFileURL(path.join(WORK, file)).href))
    }
    const entries = this._runner.tests.map((test) => describe(test, this._settings.visibility))
    if (numbers === null) this._list(entries)
    else await this._run(entries, numbers)
  }

  _begin(modules, failure) {
    if (!failure) tell('start')
    this._relay.start(modules, failure)
    const { out, err } = this._relay.takeOutputs()
    if (!failure) tell('started', { out, err })
  }

  _list(entries) {
    const twice = entries.find((one, index) => entries.findIndex((other) => keyOf(other) === keyOf(one)) !== index)
    if (this._relay.misuse) throw new ListingFault(this._relay.misuse)
    if (!entries.length) throw new ListingFault('No test was found.')
    if (entries.length > MAX_TESTS) throw new ListingFault('There are more than 1,000 tests.')
    if (twice) throw new ListingFault(`There are two tests '${twice.name}' in ${twice.group}.`)
    if (!entries.some(({ points }) => points)) throw new ListingFault('No test has points.')
    if (!this._modules.names.size) {
      throw new ListingFault("The tests import no module of the student's. If their own files have it, leave it out.")
    }
    tell('listed', { tests: entries, modules: [...this._modules.names] })
    exit(0)
  }

  async _run(entries, numbers) {
    const chosen = new Map(numbers.map(([number, group, name, points]) => [keyOf({ group, name }), { number, points }]))
    const places = new Map(this._runner.tests.map((test, index) => [test, chosen.get(keyOf(entries[index]))]))
    const begin = (test) => new RunningTest(this._relay, places.get(test).number, places.get(test).points)
    await this._runner.run(this._runner.tests.filter((test) => places.get(test)), begin, () => this._relay.settle())
    tell('finished')
    exit(0)
  }

  // Tell the executor that the tests cannot be listed, or end without having run them all.
  fail(error) {
    if (this._settings.numbers === null) {
      const text = this._relay.misuse ?? (error instanceof ListingFault ? error.message : String(error?.stack ?? error))
      tell('fault', { message: text.slice(0, FULL_REPORT) })
    }
    exit(1)
  }
}

const keyOf = ({ group, name }) => JSON.stringify([group, name])

const box = new TestsBox(JSON.parse(fs.readFileSync(path.join(__dirname, 'settings.json'))))
box.run().catch((error) => box.fail(error))
