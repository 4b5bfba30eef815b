// What stands in the tests for what lives in the student's box. It is asked what the tests ask, and nothing that the
// language asks in passing: no conversion to a plain value, no `then`, no symbol but those of iteration and `instanceof`.
'use strict'

const { kindOf } = require('./values.cjs')

// No plain value has this prototype, so none is deeply and strictly equal to a handle.
class StudentObject {}

class NotImported extends Error {}
class OutsideOfTest extends Error {}

const handles = new WeakSet()

function refuse() {
  throw new TypeError("An object of the student's class has no plain value: compare its attributes.")
}

// Make a handle that `ask` asks, with itself before the other operands.
function makeHandle(isFunction, relay) {
  const target = isFunction ? function student() {}.bind() : Object.create(StudentObject.prototype)
  const ask = (what, ...operands) => relay.ask(what, handle, ...operands)
  const keys = () => {
    const found = ask('keys')
    return Array.isArray(found) ? found.filter((one) => Array.isArray(one) && typeof one[0] === 'string') : refuse()
  }
  const iterate = (isAsync) => () => {
    const iterator = ask('iterator', isAsync)
    return {
      next: (...args) => iterator.next(...args),
      return: (...args) => iterator.return?.(...args) ?? { done: true },
      [Symbol.iterator]() { return this },
      [Symbol.asyncIterator]() { return this }
    }
  }
  const isInstance = (value) => relay.isOfStudent(value) && relay.ask('instance', value, handle) === true
  const symbols = new Map([[Symbol.toPrimitive, refuse], [Symbol.iterator, iterate(false)],
    [Symbol.asyncIterator, iterate(true)],
    ...isFunction ? [[Symbol.hasInstance, isInstance]] : []])
  const handle = new Proxy(target, {
    get: (_, name) => typeof name === 'symbol' ? symbols.get(name) : name === 'then' ? undefined : ask('get', name),
    set: (_, name, value) => ask('set', String(name), value) === true,
    has: (_, name) => typeof name === 'string' && ask('has', name) === true,
    deleteProperty: (_, name) => ask('delete', String(name)) === true,
    defineProperty: (_, name, { value }) => ask('set', String(name), value) === true,
    ownKeys: () => [...new Set(keys().map(([name]) => name))],
    getOwnPropertyDescriptor(_, name) {
      const found = typeof name === 'string' && keys().find(([key]) => key === name)
      if (!found) return undefined
      return { value: ask('get', name), writable: true, enumerable: found[1] === true, configurable: true }
    },
    setPrototypeOf: () => false,
    preventExtensions: () => false,
    apply: (_, self, args) => relay.ask('call', handle, handles.has(self) || isPlain(self) ? self : undefined, args),
    construct(_, args, type) {
      if (type !== handle) throw new TypeError("A test cannot derive a class from the student's.")
      return ask('new', args)
    }
  })
  handles.add(handle)
  return handle
}

const isPlain = (value) => typeof value === 'object' && value !== null && kindOf(value) !== undefined

// Make what stands for a module that may not be used, and for the names in it. Each use of these calls `fail`.
function makeAbsent(fail, isModule = true) {
  const traps = {}
  for (const name of ['get', 'set', 'has', 'deleteProperty', 'defineProperty', 'ownKeys', 'getOwnPropertyDescriptor',
    'apply', 'construct']) traps[name] = fail
  if (isModule) traps.get = (_, name) => name === 'then' ? undefined : makeAbsent(fail, false)
  const absent = new Proxy(function student() {}.bind(), traps)
  handles.add(absent)
  absents.set(absent, fail)
  return absent
}

const absents = new WeakMap()

module.exports = { NotImported, OutsideOfTest, absents, handles, makeAbsent, makeHandle }
