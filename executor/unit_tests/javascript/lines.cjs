// Reads and writes the lines of the relay. Both boxes find its ends where `../node.py` puts them.
'use strict'

const fs = require('fs')
const { MAX_LINE } = require('./values.cjs')

const [READER, WRITER] = [7, 8]
const NEWLINE = 10
// The program may replace the functions of `fs` in its box only; these are taken before it begins.
const { readSync, writeSync } = fs

class Lines {
  constructor() {
    this._chunk = Buffer.alloc(1 << 16)
    this._rest = Buffer.alloc(0)
  }

  // Return the next line; null at the end, undefined if it has too many bytes.
  read() {
    const parts = []
    for (let size = 0, chunk = this._rest; ; chunk = this._more()) {
      const end = chunk.indexOf(NEWLINE)
      parts.push(end < 0 ? chunk : chunk.subarray(0, end))
      size += parts.at(-1).length
      if (size > MAX_LINE) return undefined
      if (end >= 0) {
        this._rest = chunk.subarray(end + 1)
        return parts.length === 1 ? parts[0].toString() : Buffer.concat(parts).toString()
      }
      if (chunk !== this._rest && chunk.length === 0) return null
    }
  }

  write(text) {
    const line = Buffer.from(text + '\n')
    for (let start = 0; start < line.length;) start += writeSync(WRITER, line, start)
  }

  _more() {
    const length = readSync(READER, this._chunk)
    return Buffer.from(this._chunk.subarray(0, length))
  }
}

module.exports = { Lines }
