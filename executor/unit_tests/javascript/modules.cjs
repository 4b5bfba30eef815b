// Gives the tests the modules that are not in their box: those of the student's, and `node:test`.
//
// An `import` of such a module becomes a declaration in the same lines. So a name that the module lacks is undefined, and
// no error of the file.
'use strict'

const fs = require('fs')
const Module = require('module')
const path = require('path')

const WORK = '/box/work'
const SOURCES = '/box/given/sources'
const GIVE = Symbol.for('precieux.give')
const SOURCE = /\.[mc]?js$/
const IMPORT = /^([ \t]*)import\s+([^'"`;()]*?)\s*from\s*(['"])([^'"\n]+)\3/gm
const EXPORT = /^([ \t]*)export\s*\{([^}]*)\}\s*from\s*(['"])([^'"\n]+)\3/gm
const IMPORT_LATER = /\bimport\(\s*(['"])([^'"\n]+)\1\s*\)/g
const REQUIRE = /\brequire\(\s*(['"])([^'"\n]+)\1\s*\)/g

class Modules {
  // `student` returns a module of the student's. `named` is one that is the student's, whatever else has the name.
  constructor(runner, student, named, entry) {
    this.names = new Set()
    this._named = named
    const own = new Map([['node:test', runner], ['precieux_tests', { source: (file = entry) => source(file) }]])
    const give = (name) => own.get(name) ?? student(name)
    Object.defineProperty(globalThis, GIVE, { value: give })
    const load = Module._load
    Module._load = (request, parent, ...others) => {
      const name = this._given(request, parent?.filename)
      return name === null ? load(request, parent, ...others) : give(name)
    }
  }

  // Let the files of the tests have what they import.
  prepare() {
    for (const file of fs.readdirSync(WORK, { recursive: true }).map((name) => path.join(WORK, name))) {
      if (!SOURCE.test(file) || !fs.statSync(file).isFile()) continue
      const text = fs.readFileSync(file, 'utf8')
      const changed = text.replace(IMPORT, (all, space, clause, _, request) => {
        const name = this._given(request, file)
        return name === null ? all : space + declare(clause, name) + lines(all, clause)
      }).replace(EXPORT, (all, space, clause, _, request, offset) => {
        const name = this._given(request, file)
        return name === null ? all : space + declareAndExport(clause, name, offset) + lines(all)
      }).replace(IMPORT_LATER, (all, _, request) => {
        const name = this._given(request, file)
        return name === null ? all : `Promise.resolve(${call(name)})${lines(all)}`
      })
      for (const [, , request] of changed.matchAll(REQUIRE)) this._given(request, file)
      if (changed === text) continue
      fs.unlinkSync(file)
      fs.writeFileSync(file, changed)
    }
  }

  // Return the name of what we give for a request of a file of the tests; null if it has another module.
  _given(request, file) {
    if (request === 'node:test' || request === 'precieux_tests') return request
    if (!file?.startsWith(`${WORK}/`) || file.includes('/node_modules/') || request.startsWith('#')) return null
    if (request !== this._named && (Module.isBuiltin(request) || isFound(request, file))) return null
    const isPath = /^\.{0,2}\//.test(request)
    const name = (isPath ? path.relative(WORK, path.resolve(path.dirname(file), request)) : request)
      .replace(/^(\.\.\/)+/, '').replace(SOURCE, '')
    this.names.add(name)
    return name
  }
}

function isFound(request, file) {
  try {
    Module.createRequire(file).resolve(request)
    return true
  } catch (error) {
    return error.code !== 'MODULE_NOT_FOUND'
  }
}

const call = (name) => `globalThis[Symbol.for('precieux.give')](${JSON.stringify(name)})`
const lines = (all, kept = '') => '\n'.repeat(all.split('\n').length - kept.split('\n').length)

// Return the declaration of what an `import` names: `a, { b as c }`, `* as d`.
function declare(clause, name) {
  const [, first, rest] = /^([\p{ID_Start}$_][\p{ID_Continue}$]*)?\s*,?\s*([^]*)$/u.exec(clause)
  const parts = first ? [`{ default: ${first} }`] : []
  if (rest.startsWith('*')) parts.push(rest.replace(/^\*\s*as\s+/, ''))
  else if (rest) parts.push(rest.replace(/\s+as\s+/g, ': '))
  return `const ${parts.map((part) => `${part} = ${call(name)}`).join(', ')}`
}

// Return what an `export { a, b as c } from` becomes. `offset` makes the names of its declaration the only ones.
function declareAndExport(clause, name, offset) {
  const pairs = clause.split(',').map((part) => part.trim().split(/\s+as\s+/)).filter(([first]) => first)
  const own = (index) => `$given_${offset}_${index}`
  const taken = pairs.map(([first], index) => `${first}: ${own(index)}`)
  const exported = pairs.map(([first, as = first], index) => `${own(index)} as ${as}`)
  return `const { ${taken.join(', ')} } = ${call(name)}; export { ${exported.join(', ')} }`
}

// Return the text of a file of the student's, as it was handed in.
function source(file) {
  const found = path.resolve(SOURCES, file)
  if (!found.startsWith(`${SOURCES}/`)) throw new Error(`There is no file ${file} in this submission.`)
  return fs.readFileSync(found, 'utf8')
}

module.exports = { Modules }
