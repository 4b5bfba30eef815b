// Copies values between the two boxes, as JSON. What is no plain value goes by a handle, which the caller makes.
//
// Plain JSON stands for null, booleans, texts, most numbers and arrays. All else is an object with one tag. In a request
// the mutable arguments have numbers (`n`), so that both sides know which object an answer means.
'use strict'

const MAX_LINE = 8 << 20
const MAX_DEPTH = 200
const MAX_ITEMS = 1_000_000
const MAX_DIGITS = 100_000

class BrokenProtocol extends Error {}

const TYPED = [Buffer, Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
  Float32Array, Float64Array, BigInt64Array, BigUint64Array]
// By their prototypes, the kinds of objects that are copied. An object of a class has another one.
const KINDS = new Map([[Array.prototype, 'array'], [Object.prototype, 'object'], [null, 'bare'], [Map.prototype, 'map'],
  [Set.prototype, 'set'], [Date.prototype, 'date'], [RegExp.prototype, 'regexp'],
  ...TYPED.map((type) => [type.prototype, 'bytes'])])
const IMMUTABLE = new Set(['date', 'regexp'])
const NUMBERS = new Map([['NaN', NaN], ['Infinity', Infinity], ['-Infinity', -Infinity], ['-0', -0]])

const kindOf = (value) => KINDS.get(Object.getPrototypeOf(value))

// Packs the values of one message. `other` packs what is no plain value. With `tracks`, mutable values get numbers as
// they come; without, those that have one are named by it.
class Packer {
  constructor(other, known = [], tracks = false) {
    this.known = known
    this._other = other
    this._tracks = tracks
    this._numbers = new Map(known.map((value, number) => [value, number]))
    this._open = new Set()
    this._items = 0
  }

  pack(value) {
    switch (typeof value) {
      case 'string': case 'boolean': return value
      case 'number': return Number.isFinite(value) && !Object.is(value, -0) ? value
        : { number: value === 0 ? '-0' : String(value) }
      case 'undefined': return { undefined: 0 }
      case 'bigint': return { bigint: this._digits(value) }
      case 'object': return value === null ? null : this._packObject(value)
      default: return this._other(value)
    }
  }

  // Return the tag of an object with its contents.
  contents(value, kind = kindOf(value)) {
    if (this._open.size >= MAX_DEPTH) throw new RangeError(`It has more than ${MAX_DEPTH} levels.`)
    this._open.add(value)
    try {
      switch (kind) {
        case 'array': return { array: this._all(Array.from(value)) }
        case 'map': return { map: this._all([...Map.prototype.entries.call(value)].flat()) }
        case 'set': return { set: this._all([...Set.prototype.values.call(value)]) }
        case 'date': return { date: this.pack(Date.prototype.getTime.call(value)) }
        case 'regexp': return { regexp: [String(value.source), String(value.flags)] }
        case 'bytes': return { bytes: [value.constructor.name, Buffer.from(value.buffer, value.byteOffset,
          value.byteLength).toString('base64')] }
        default: return { [kind]: this._all(Object.keys(value).flatMap((key) => [key, [value[key]]]), true) }
      }
    } finally {
      this._open.delete(value)
    }
  }

  _packObject(value) {
    if (this._open.has(value)) throw new RangeError('It contains itself, and cannot be copied.')
    if (this._numbers.has(value)) return { same: this._numbers.get(value) }
    const kind = kindOf(value)
    if (kind === undefined || this._other.keeps?.(value, kind)) return this._other(value)
    if (!this._tracks || IMMUTABLE.has(kind)) {
      const packed = this.contents(value, kind)
      return packed.array ?? packed
    }
    const n = this.known.push(value) - 1
    this._numbers.set(value, n)
    return { ...this.contents(value, kind), n, ...(Object.isFrozen(value) && { frozen: 1 }) }
  }

  _all(values, isPairs = false) {
    this._items += values.length
    if (this._items > 2 * MAX_ITEMS) throw new RangeError(`It has more than ${MAX_ITEMS} items.`)
    return values.map((value, index) => !isPairs ? this.pack(value) : index % 2 ? this.pack(value[0]) : value)
  }

  _digits(value) {
    const text = value.toString(16)
    if (text.length > MAX_DIGITS) throw new RangeError(`It has more than ${MAX_DIGITS} digits in a number.`)
    return text
  }
}

// Makes values of the JSON of one message. `other` makes what has a tag that is not known here. Throws if the data are
// not those of an honest side.
class Unpacker {
  constructor(other, known = [], takesNumbers = false) {
    this._other = other
    this._takesNumbers = takesNumbers
    this.known = known
    this._items = 0
  }

  unpack(data, depth = 0) {
    if (data === null || typeof data !== 'object') return data
    if (depth > MAX_DEPTH + 1) throw new BrokenProtocol('too deep')
    if (Array.isArray(data)) return this._all(data, depth)
    const { n, frozen, ...rest } = data
    const tags = Object.keys(rest)
    if (tags.length !== 1) throw new BrokenProtocol('not one tag')
    const value = this._make(tags[0], rest[tags[0]], depth)
    if (n !== undefined && this._takesNumbers) this.known[n] = value
    return frozen ? Object.freeze(value) : value
  }

  _make(tag, content, depth) {
    switch (tag) {
      case 'undefined': return undefined
      case 'number': return must(NUMBERS.get(content))
      case 'bigint': return bigint(content)
      case 'same': return must(Number.isInteger(content) ? this.known[content] : undefined)
      case 'array': return this._all(content, depth)
      case 'object': case 'bare': return fill(tag === 'bare' ? Object.create(null) : {}, this._all(content, depth))
      case 'map': return new Map(pairs(this._all(content, depth)))
      case 'set': return new Set(this._all(content, depth))
      case 'date': return new Date(this.unpack(content, depth + 1))
      case 'regexp': return new RegExp(String(content[0]), String(content[1]))
      case 'bytes': return bytes(...content)
      default: return this._other(tag, content, depth)
    }
  }

  _all(data, depth) {
    if (!Array.isArray(data)) throw new BrokenProtocol('no list')
    this._items += data.length
    if (this._items > 2 * MAX_ITEMS) throw new BrokenProtocol('too many items')
    return data.map((item) => this.unpack(item, depth + 1))
  }
}

function must(value) {
  if (value === undefined) throw new BrokenProtocol('unknown')
  return value
}

function bigint(text) {
  if (!/^-?[0-9a-f]{1,100001}$/.test(text)) throw new BrokenProtocol('no number')
  return text[0] === '-' ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`)
}

function bytes(name, text) {
  const type = must(TYPED.find((one) => one.name === name))
  const buffer = Buffer.from(text, 'base64')
  return type === Buffer ? buffer : new type(new Uint8Array(buffer).buffer)
}

function pairs(items) {
  if (items.length % 2) throw new BrokenProtocol('no pairs')
  return Array.from({ length: items.length / 2 }, (_, index) => [items[2 * index], items[2 * index + 1]])
}

// Give an object these keys and values. `__proto__` is a key like others.
function fill(target, items) {
  for (const [key, value] of pairs(items)) {
    if (typeof key !== 'string') throw new BrokenProtocol('no key')
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })
  }
  return target
}

// Give a mutable value the contents of another one of its kind.
function restore(target, source) {
  const kind = kindOf(target)
  if (kind === undefined || kind !== kindOf(source) || Object.isFrozen(target)) throw new BrokenProtocol('another kind')
  if (kind === 'array') {
    target.length = 0
    for (const value of source) target.push(value)
  } else if (kind === 'bytes') target.set(source)
  else if (kind === 'map' || kind === 'set') {
    target.clear()
    source.forEach((value, key) => (kind === 'map' ? target.set(key, value) : target.add(value)))
  } else {
    for (const key of Object.keys(target)) delete target[key]
    fill(target, Object.entries(source).flat())
  }
}

module.exports = { BrokenProtocol, MAX_LINE, Packer, Unpacker, kindOf, restore }
