// Answers the calls of the tests in the student's box. Nothing here is trusted: the student's code may replace it, and
// can then give other answers, and no more (docs/security.md).
'use strict'

const fs = require('fs')
const path = require('path')
const { pathToFileURL } = require('url')
const { isPromise } = require('util').types
const { Lines } = require('./lines.cjs')
const { MAX_LINE, Packer, Unpacker } = require('./values.cjs')

const WORK = '/box/work'
const MAX_HANDLES = 100_000
// The milliseconds after which the tests get a turn, while promises are waited for.
const TURN_MS = 5
const { setTimeout, setImmediate } = globalThis
const EXTENSIONS = ['', '.js', '.mjs', '.cjs', '/index.js', '/index.mjs', '/index.cjs']
const NO_REQUIRE = new Set(['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE'])

// What the program writes to its standard output or error, which is a file. Beyond `size` it calls `end`.
class Output {
  constructor(descriptor, file, size, end) {
    this._file = fs.openSync(file, 'r+')
    fs.unlinkSync(file)
    this._size = size
    const stream = descriptor === 1 ? process.stdout : process.stderr
    const { write } = stream
    stream.write = (...args) => {
      if (fs.fstatSync(this._file).size > size) end()
      return write.apply(stream, args)
    }
  }

  take() {
    const { size } = fs.fstatSync(this._file)
    if (size === 0) return ''
    const text = Buffer.alloc(Math.min(size, this._size + 1))
    fs.readSync(this._file, text, 0, text.length, 0)
    fs.ftruncateSync(this._file)
    return text.toString()
  }
}

class Agent {
  // `settings` has the `entry`, its `alias` (the name by which the tests import it, or null), the `files` of the program
  // and the bytes of its output.
  constructor(settings) {
    this._settings = settings
    this._lines = new Lines()
    const end = () => { // only the end of the process stops what it does
      this._send({ id: this._open?.id, long: true })
      process.reallyExit(1)
    }
    this._outputs = { out: new Output(1, '/tmp/.out', settings.output_bytes, end),
      err: new Output(2, '/tmp/.err', settings.output_bytes, end) }
    this._handles = new Map()
    this._numbers = new Map()
    this._next = 1
    this._modules = new Set()
    this._callbacks = []
    this._callbackNumbers = new Map()
    this._promises = new Map() // those of the tests that are not settled
    this._open = null
    this._other = Object.assign((value) => this._packOther(value), { keeps })
    this._make = (tag, content) => this._makeOther(tag, content)
  }

  // Answer until the tests have ended.
  async serve() {
    for (let line; (line = this._lines.read()) !== null;) {
      const request = JSON.parse(line)
      if (request.do === 'start' || request.do === 'await') await this._answerLater(request)
      else this._answer(request)
    }
    process.exit()
  }

  _answer(request) {
    const { operands, known, before } = this._begin(request)
    let answer
    try {
      answer = { value: this._packer(known).pack(this[`_do_${request.do}`](...operands)) }
    } catch (error) {
      answer = { raise: this._describe(error) }
    }
    this._end(request, known, before, answer)
  }

  async _answerLater(request) {
    const { operands, known, before } = this._begin(request)
    const value = await this[`_do_${request.do}`](...operands)
    this._end(request, known, before, { value: this._packer(known).pack(value) })
  }

  _begin(request) {
    for (const number of request.drop) {
      this._numbers.delete(this._handles.get(number))
      this._handles.delete(number)
    }
    const unpacker = new Unpacker(this._make, [], true)
    const operands = request.with.map((operand) => unpacker.unpack(operand))
    const { known } = unpacker
    this._open = { id: request.id, known }
    return { operands, known, before: known.map((value) => this._contents(value, known)) }
  }

  _end(request, known, before, answer) {
    this._open = null
    known.forEach((value, number) => {
      const now = this._contents(value, known)
      if (now !== before[number] && now !== '') (answer.left ??= {})[number] = JSON.parse(now)
    })
    this._send({ id: request.id, ...answer })
  }

  // Return the contents of a mutable argument as text, or '' if they cannot be copied.
  _contents(value, known) {
    try {
      return JSON.stringify(this._packer(known).contents(value))
    } catch {
      return ''
    }
  }

  _packer(known) {
    return new Packer(this._other, known)
  }

  _send(message) {
    for (const [name, output] of Object.entries(this._outputs)) {
      const text = output.take()
      if (text) message[name] = text
    }
    const line = JSON.stringify(message)
    this._lines.write(Buffer.byteLength(line) > MAX_LINE ? JSON.stringify({ id: message.id, long: true }) : line)
  }

  // Return what a function of the tests returns, or throw what it throws. Meanwhile the tests may call.
  _ask(number, args) {
    const opened = this._open
    if (!opened) throw new Error('The tests answer while they call only.')
    this._send({ id: opened.id, callback: number, with: args.map((value) => this._packer(opened.known).pack(value)) })
    for (let line; (line = this._lines.read()) !== null;) {
      const message = JSON.parse(line)
      if ('do' in message) {
        this._answer(message)
        this._open = opened
        continue
      }
      const unpacker = new Unpacker(this._make, opened.known)
      if ('raise' in message) throw unpacker.unpack(message.raise)
      return unpacker.unpack(message.value)
    }
    process.exit()
  }

  // Load the modules of these names, and return for each why that failed or null, and what it exports.
  async _do_start(names) {
    const started = []
    for (const name of names) {
      try {
        const loaded = await this._load(name)
        this._modules.add(loaded)
        started.push([null, new Forced(loaded)])
      } catch (error) {
        started.push([this._explain(name, error), undefined])
      }
    }
    return started
  }

  _file(name) {
    const { alias, entry, files } = this._settings
    const own = EXTENSIONS.map((extension) => name + extension).find((file) => files.includes(file))
    return own ?? (name === alias ? entry : undefined)
  }

  async _load(name) {
    const file = this._file(name)
    if (file === undefined) throw new NoModule()
    try {
      return require(path.join(WORK, file))
    } catch (error) {
      if (!NO_REQUIRE.has(error?.code)) throw error
      return import(pathToFileURL(path.join(WORK, file)).href)
    }
  }

  _explain(name, error) {
    if (error instanceof NoModule) {
      return `There is no module '${name}' in this submission: it has ${[...this._settings.files].sort().join(', ')}.`
    }
    const { name: kind, message } = Object(error)
    const [line] = [...linesOf(error).map(([, number]) => number), /:(\d+)\n/.exec(String(error?.stack))?.[1]]
    const where = line === undefined ? '' : `, line ${line}`
    return `${this._file(name)} could not be imported: ${kind ?? 'Error'}: ${message ?? String(error)}${where}`
  }

  _do_call(target, self, args) {
    return Reflect.apply(target, self, args)
  }

  _do_new(target, args) {
    return new Forced(Reflect.construct(target, args))
  }

  _do_get(target, name) {
    // `import student from` a module without a default has the module itself.
    const isItself = name === 'default' && this._modules.has(target) && !('default' in target)
    return isItself ? new Forced(target) : target[name]
  }

  _do_set(target, name, value) {
    return Reflect.set(target, name, value)
  }

  _do_delete(target, name) {
    return Reflect.deleteProperty(target, name)
  }

  _do_has(target, name) {
    return name in target
  }

  _do_keys(target) {
    const shown = new Set(Object.keys(target))
    return Object.getOwnPropertyNames(target).map((name) => [name, shown.has(name)])
  }

  _do_instance(value, type) {
    return value instanceof type
  }

  _do_iterator(target, isAsync) {
    return new Forced(target[isAsync ? Symbol.asyncIterator : Symbol.iterator]())
  }

  // Wait until one of the promises is settled, or the tests' turn has come. `settled` are promises of theirs.
  async _do_await(promises, settled) {
    for (const [number, isGood, value] of settled) {
      const promise = this._promises.get(number)
      this._promises.delete(number)
      promise[isGood ? 'resolve' : 'reject'](value)
    }
    let timer
    const turn = new Promise((resolve) => { timer = setTimeout(resolve, TURN_MS) })
    const ended = []
    const wait = (promise, index) => promise.then(
      (value) => ended.push([index, true, value]), (error) => ended.push([index, false, { error }]))
    await Promise.race([turn, ...promises.map(wait)])
    if (ended.length) clearTimeout(timer)
    else await new Promise(setImmediate)
    const isStuck = !ended.length && !this._promises.size && !process.getActiveResourcesInfo().some((name) =>
      name !== 'Immediate')
    return [isStuck, ended.map(([index, isGood, value]) =>
      isGood ? this._settled(index, value) : [index, false, new Raised(value.error)])]
  }

  _settled(index, value) {
    try {
      new Packer(this._other, this._open.known).pack(value)
      return [index, true, value]
    } catch (error) {
      return [index, false, new Raised(error)]
    }
  }

  _packOther(value) {
    if (value instanceof Forced) return this._handle(value.value)
    if (value instanceof Raised) return { raise: this._describe(value.error) }
    if (this._callbackNumbers.has(value)) return { callback: this._callbackNumbers.get(value) }
    if (typeof value === 'symbol') throw new TypeError('A symbol cannot be copied.')
    if (value instanceof Error) return { error: this._describe(value) }
    if (isPromise(value)) value.catch(() => {})
    return this._handle(value)
  }

  _handle(value) {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) {
      return new Packer(this._other).pack(value)
    }
    const kind = typeof value === 'function' ? 'function' : isPromise(value) ? 'promise' : 'object'
    return { handle: [this._numberOf(value), kind] }
  }

  _numberOf(value) {
    if (!this._numbers.has(value)) {
      if (this._handles.size >= MAX_HANDLES) throw new RangeError(`The tests hold more than ${MAX_HANDLES} objects.`)
      this._numbers.set(value, this._next)
      this._handles.set(this._next++, value)
    }
    return this._numbers.get(value)
  }

  _makeOther(tag, content) {
    switch (tag) {
      case 'handle': return this._handles.get(content)
      case 'callback': return this._callback(content)
      case 'promise': return new Promise((resolve, reject) => this._promises.set(content, { resolve, reject }))
      case 'error': return this._error(content)
      default: throw new TypeError(tag)
    }
  }

  // Return a function of the tests. It can be called, and nothing else.
  _callback(number) {
    if (!this._callbacks[number]) {
      this._callbacks[number] = (...args) => this._ask(number, args)
      this._callbackNumbers.set(this._callbacks[number], number)
    }
    return this._callbacks[number]
  }

  _error([name, message, number]) {
    const error = new globalThis[name](message)
    Object.defineProperty(error, OF_TESTS, { value: number })
    return error
  }

  _describe(error) {
    if (error?.[OF_TESTS] !== undefined) return { same: error[OF_TESTS] }
    if (!(error instanceof Error)) return { thrown: this._packer([]).pack(error) }
    const names = []
    for (let proto = Object.getPrototypeOf(error); proto && names.length < 20; proto = Object.getPrototypeOf(proto)) {
      if (Object.hasOwn(proto, 'constructor')) names.push(String(proto.constructor.name))
    }
    const fields = {}
    for (const [key, value] of Object.entries(error)) {
      try {
        fields[key] = this._packer([]).pack(value)
      } catch {} // what cannot be copied stays here
    }
    const { name, message, cause } = error
    return { names, name: String(name), message: String(message), fields: Object.entries(fields),
      cause: cause === undefined ? null : String(cause), lines: linesOf(error), handle: this._numberOf(error) }
  }
}

class NoModule extends Error {}
// A value that goes by a handle, whatever it is.
class Forced {
  constructor(value) {
    this.value = value
  }
}
class Raised {
  constructor(error) {
    this.error = error
  }
}
const OF_TESTS = Symbol('of the tests')

// Return true for an object with methods, which are of use in this box only.
function keeps(value, kind) {
  if (kind !== 'object') return false
  return Object.getOwnPropertySymbols(value).length > 0 ||
    Object.values(Object.getOwnPropertyDescriptors(value)).some((one) => typeof one.value === 'function')
}

// Return file, line and function of each frame that is the program's.
function linesOf(error) {
  const frames = String(error?.stack).matchAll(/^ +at (?:(.*?) \()?(?:file:\/\/)?\/box\/work\/(.+?):(\d+):\d+\)?$/gm)
  return [...frames].slice(0, 10).map(([, name, file, line]) => [file, Number(line), name ?? 'the file'])
}

// Node's warnings of what is new in it are not what the program writes.
const [printWarning] = process.listeners('warning')
process.removeAllListeners('warning').on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning' && warning.code !== 'MODULE_TYPELESS_PACKAGE_JSON') printWarning?.(warning)
})
process.chdir(WORK)
new Agent(JSON.parse(fs.readFileSync(path.join(__dirname, 'settings.json')))).serve()
