// Calls the program from the tests' box. What comes over the relay is data: it is decoded into plain values and handles,
// with bounds, and is never run, imported, or used as the name of anything.
'use strict'

const { randomBytes } = require('crypto')
const { isPromise } = require('util').types
const { NotImported, OutsideOfTest, absents, handles, makeAbsent, makeHandle } = require('./handles.cjs')
const { Lines } = require('./lines.cjs')
const { BrokenProtocol, MAX_LINE, Packer, Unpacker, restore } = require('./values.cjs')

// Bytes of each output of a test that are kept.
const KEPT = 65536
const KEYS = new Set(['id', 'value', 'raise', 'callback', 'with', 'left', 'out', 'err', 'long'])
const HANDLES = new Set(['function', 'object', 'promise'])
const ERRORS = new Map([Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError]
  .map((type) => [type.name, type]))
const NOT_TAKEN = new Set(['message', 'stack', 'name', 'cause', 'constructor', '__proto__', 'then'])
// A mock of the tests' timers is none of ours.
const { setImmediate, setTimeout } = globalThis

class Raised {
  constructor(error) {
    this.error = error
  }
}

// Return the line of a file of the tests that is running.
function lineOfTests(stack = new Error().stack) {
  const [, file, line] = /\/box\/work\/(.+?):(\d+)/.exec(stack) ?? []
  return file === undefined ? 'the tests' : `${file}, line ${line}`
}

// `lose` ends this box, because the other one has ended or has broken the protocol.
class Relay {
  constructor(lose, outputBytes) {
    this._lose = lose
    this._outputBytes = outputBytes
    this._lines = new Lines()
    this._dropped = []
    this._handles = new Map()
    this._numbers = new WeakMap() // of handles, of promises that stand for the student's, and of errors
    this._collected = new FinalizationRegistry((number) => this._forget(number))
    this._callbacks = []
    this._callbackNumbers = new Map()
    this._raised = []
    this._pending = null
    this._standIns = new Map()
    this._waiting = []
    this._waited = null
    this._settled = [] // promises of the tests that the program does not know to be settled
    this._own = new Map()
    this._modules = null
    // What came of the student's, by which no test is failed or passed.
    this.lines = new WeakMap()
    this.misuse = null
    this.isImporting = false
    this._written = { out: ['', 0], err: ['', 0] }
    this._pack = (value) => this._packOther(value)
    this._make = (tag, content) => this._makeOther(tag, content)
  }

  // Let the program load its modules; `failure` says why that is in vain.
  start(names, failure) {
    this._modules = new Map(names.map((name) => [name, failure ? this._failed(failure) : undefined]))
    if (failure) return
    this.isImporting = true
    const started = this.ask('start', names)
    this.isImporting = false
    if (!Array.isArray(started) || started.length !== names.length) this._lose('broken')
    names.forEach((name, index) => {
      const [failed, value] = Object(started[index])
      this._modules.set(name, failed === null ? value : this._failed(String(failed)))
    })
  }

  // Return a module of the student's.
  module(name) {
    if (this._modules?.has(name)) return this._modules.get(name)
    if (this._modules) return this._failed(`There is no module '${name}' in this submission.`)
    return makeAbsent(() => {
      this.misuse ??= `${lineOfTests()}: the tests are listed without the student's program, so its values can be used` +
        ' in tests and hooks only.'
      throw new OutsideOfTest(this.misuse)
    })
  }

  _failed(failure) {
    return makeAbsent(() => { throw new NotImported(failure) })
  }

  isOfStudent(value) {
    return Object(value) === value && this._numbers.has(value)
  }

  // Return true for an assertion of the tests, or of a library of theirs. An error of the student's is none.
  isAssertion(error) {
    return error instanceof Error && !this.lines.has(error) && error.name === 'AssertionError'
  }

  // Return the answer of the student's box, or throw what its code threw.
  ask(what, ...operands) {
    const packer = new Packer(this._pack, [], true)
    let packed
    try {
      packed = operands.map((operand) => packer.pack(operand))
    } catch (error) {
      if (error instanceof RangeError) error.message = error.message.replace('It ', 'The argument ')
      throw error
    }
    const id = randomBytes(8).toString('hex')
    this._send({ id, do: what, with: packed, drop: this._dropped.splice(0) })
    const answer = this._answer(id, packer.known)
    if (this._pending) {
      const pending = this._pending
      this._pending = null
      throw pending
    }
    if (answer instanceof Raised) throw answer.error
    return answer
  }

  // Return what the program has written since the last time, and which of it was cut.
  takeOutputs() {
    const [{ out, err }, isOver] = [this._written, this._isOver]
    this._written = { out: ['', 0], err: ['', 0] }
    const cut = Object.entries({ out, err }).filter(([, [, size]]) => size > KEPT).map(([name]) => name)
    return { out: out[0], err: err[0], cut, isOver }
  }

  get _isOver() {
    return Math.max(this._written.out[1], this._written.err[1]) > this._outputBytes
  }

  _send(message) {
    const line = JSON.stringify(message)
    if (Buffer.byteLength(line) > MAX_LINE) throw new RangeError(`The argument has more than ${MAX_LINE >> 20} MiB.`)
    try {
      this._lines.write(line)
    } catch {
      this._lose('ended')
    }
  }

  _answer(id, known) {
    for (;;) {
      let call, args
      const line = this._lines.read()
      if (line === null) this._lose('ended')
      if (line === undefined) this._lose('long')
      try {
        const message = Object.assign(Object.create(null), JSON.parse(line))
        const isKnown = Object.keys(message).every((key) => KEYS.has(key))
        if (message.id !== id || !isKnown) throw new BrokenProtocol('no answer')
        this._write('out', message.out)
        this._write('err', message.err)
        if ('long' in message) this._lose(this._isOver ? 'output' : 'long')
        const unpacker = new Unpacker(this._make, known)
        if ('callback' in message) {
          call = this._callback(message.callback)
          args = message.with.map((value) => unpacker.unpack(value))
        } else {
          for (const [number, left] of Object.entries(message.left ?? {})) {
            restore(Object.hasOwn(known, number) ? known[number] : null, unpacker.unpack(left))
          }
          if ('raise' in message) return new Raised(this._thrown(message.raise))
          if (!('value' in message)) throw new BrokenProtocol('no value')
          return unpacker.unpack(message.value)
        }
      } catch {
        this._lose('broken')
      }
      this._send({ id, ...this._call(call, args, known) })
    }
  }

  _callback(number) {
    if (!Number.isInteger(number) || !this._callbacks[number]) throw new BrokenProtocol('no callback')
    return this._callbacks[number]
  }

  // Call a function of the tests for the student's code, and return the answer.
  _call(call, args, known) {
    const packer = new Packer(this._pack, known)
    try {
      return { value: packer.pack(call(...args)) }
    } catch (error) {
      if (this.isAssertion(error)) this._pending ??= error
      try {
        return { raise: packer.pack(error) }
      } catch {
        return { raise: packer.pack(new Error('It cannot be copied.')) }
      }
    }
  }

  _write(name, text = '') {
    if (typeof text !== 'string') throw new BrokenProtocol('no text')
    if (!text) return
    const [kept, size] = this._written[name]
    this._written[name] = [(kept + text).slice(0, KEPT), size + Buffer.byteLength(text)]
    if (!this.isImporting) process[name === 'out' ? 'stdout' : 'stderr'].write(text)
  }

  _packOther(value) {
    absents.get(value)?.()
    const isObject = Object(value) === value
    if (isObject && this._numbers.has(value)) return { handle: this._numbers.get(value) }
    if (typeof value === 'function') {
      if (!this._callbackNumbers.has(value)) this._callbackNumbers.set(value, this._callbacks.push(value) - 1)
      return { callback: this._callbackNumbers.get(value) }
    }
    if (value instanceof Error) return { error: this._packError(value) }
    if (isPromise(value)) return { promise: this._packPromise(value) }
    const kind = isObject ? `An object of the class ${value.constructor?.name}` : 'A symbol'
    throw new TypeError(`${kind} cannot be copied to the student's box. Put the class into \`shared_files\`, and import` +
      ' it from there.')
  }

  _packError(error) {
    const type = [...ERRORS.values()].reverse().find((one) => error instanceof one)
    const told = this.isAssertion(error) ? '' : String(error.message) // it may have expected values in its text
    return [type.name, told, this._raised.push(error) - 1]
  }

  _packPromise(promise) {
    if (!this._own.has(promise)) {
      const number = this._own.size
      this._own.set(promise, number)
      promise.then((value) => this._settled.push([number, true, value]), (error) => {
        if (this.isAssertion(error)) this._pending ??= error
        this._settled.push([number, false, error])
      })
    }
    return this._own.get(promise)
  }

  _makeOther(tag, content) {
    switch (tag) {
      case 'handle': return this._handle(...content)
      case 'callback': return this._callback(content)
      case 'error': return this._thrown(content)
      case 'raise': return new Raised(this._thrown(content))
      default: throw new BrokenProtocol(tag)
    }
  }

  _handle(number, kind) {
    if (!Number.isSafeInteger(number) || !HANDLES.has(kind)) throw new BrokenProtocol('no handle')
    let handle = this._handles.get(number)?.deref()
    if (handle === undefined) {
      handle = kind === 'promise' ? this._promise(number) : makeHandle(kind === 'function', this)
      this._remember(number, handle)
      this._handles.set(number, new WeakRef(handle))
    }
    return handle
  }

  _remember(number, handle) {
    this._numbers.set(handle, number)
    this._collected.register(handle, number)
  }

  _forget(number) {
    if (this._handles.get(number)?.deref() !== undefined) return
    this._handles.delete(number)
    this._dropped.push(number)
  }

  // Return a promise that is settled as that of the student's.
  _promise() {
    let functions
    const promise = new Promise((resolve, reject) => { functions = { resolve, reject } })
    promise.catch(() => {}) // the tests may look at it later
    if (this._waiting.push({ promise, ...functions }) === 1) this._waited = this._wait()
    return promise
  }

  // Wait until no promise of the student's is open, so that a test has its rejections which nobody has awaited.
  async settle() {
    await this._waited
    await new Promise(setImmediate)
  }

  async _wait() {
    await new Promise(setImmediate)
    while (this._waiting.length) {
      const asked = [...this._waiting]
      let ended
      try {
        ended = this._ended(asked, this.ask('await', asked.map(({ promise }) => promise), this._settled.splice(0)))
      } catch (error) {
        ended = asked.map((one) => [one, false, error])
      }
      this._waiting = this._waiting.filter((one) => !ended.some(([other]) => other === one))
      for (const [one, isGood, value] of ended) one[isGood ? 'resolve' : 'reject'](value)
      await new Promise(setImmediate)
      if (!ended.length) await new Promise((resolve) => setTimeout(resolve, 0))
    }
  }

  // Return which of the promises have ended, and how.
  _ended(asked, answer) {
    if (!Array.isArray(answer) || !Array.isArray(answer[1])) this._lose('broken')
    const isIdle = !this._settled.length && !process.getActiveResourcesInfo().some((name) => name !== 'Immediate')
    if (answer[0] === true && isIdle) {
      return asked.map((one) => [one, false, new Error("The student's promise is never settled.")])
    }
    return answer[1].map((one) => {
      const [index, isGood, value] = Object(one)
      if (!Number.isInteger(index) || !asked[index] || (!isGood && !(value instanceof Raised))) this._lose('broken')
      return [asked[index], isGood === true, isGood ? value : value.error]
    })
  }

  // Return what the student's code threw.
  _thrown(described) {
    if (Object.hasOwn(described, 'same')) {
      const raised = Number.isInteger(described.same) ? this._raised[described.same] : undefined
      if (raised === undefined) throw new BrokenProtocol('no error')
      // What decides of a test was thrown when its call returned, and is nothing that may be thrown once more.
      return this.isAssertion(raised) ? new Error('AssertionError') : raised
    }
    if (Object.hasOwn(described, 'thrown')) return new Unpacker(this._make).unpack(described.thrown)
    const error = this._error(described)
    const lines = described.lines.slice(0, 10)
    const place = ([file, line, name]) => `${String(file)}, line ${Number(line)}, in ${String(name)}`
    this.lines.set(error, lines.map(place))
    return error
  }

  _error({ names, name, message, fields, cause, handle }) {
    const base = names.find((one) => ERRORS.has(one)) ?? 'Error'
    const type = names[0] === base ? ERRORS.get(base) : this._standIn(String(names[0]), base)
    const error = new type(String(message))
    const title = String(name)
    const define = (key, value, enumerable) =>
      Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true })
    if (title !== error.name && title !== 'AssertionError') define('name', title, false)
    if (cause !== null) define('cause', new Error(String(cause)), false)
    const unpacker = new Unpacker(this._make)
    for (const [key, packed] of fields) {
      const value = unpacker.unpack(packed)
      if (!NOT_TAKEN.has(String(key)) && value !== 'ERR_ASSERTION') define(String(key), value, true)
    }
    if (!Number.isSafeInteger(handle)) throw new BrokenProtocol('no handle')
    this._remember(handle, error)
    return error
  }

  // Return a class that stands for one of the student's.
  _standIn(name, base) {
    const key = `${base} ${name}`
    if (!this._standIns.has(key)) {
      if (this._standIns.size >= 1000) throw new BrokenProtocol('too many classes')
      const type = class extends ERRORS.get(base) {}
      Object.defineProperty(type, 'name', { value: name })
      this._standIns.set(key, type)
    }
    return this._standIns.get(key)
  }
}

module.exports = { NotImported, Relay, handles }
