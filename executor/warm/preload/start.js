// Node's zygote: a Node that has started and is forked for each program, in its box (executor/sandbox/init/node.c).
//
// It is preloaded (`node --require=start.js /box/work/main.js`), so it runs after Node's own start and just before Node
// loads the main module. It calls C twice. The first call, in the zygote, returns only in the forked processes. The
// second returns in each of them when its program has arrived. Node then runs the program itself, so no frame of this
// file is on the stack.
'use strict'

const fs = require('fs')
const net = require('net')
const path = require('path')
const v8 = require('v8')
const { PassThrough } = require('stream')
const { getEnvironmentData, isMainThread, setEnvironmentData } = require('worker_threads')

const LIBRARY = '/box/init.so'
const WORK = '/box/work'
const MAIN = `${WORK}/main.js`
// The variables with the words of the command, from node.c.
const WORD = 'PRECIEUX_WORD_'
// The time that a Node takes from its start to its program.
const START_MS = 20
const AGE = 'precieux.age'
// The modules that programs require most often. Not `assert`, which uses standard error when it is loaded.
const PRELOADED =
  'crypto events os path perf_hooks readline string_decoder timers tty url util'.split(' ')

// Do what most programs do first: print text and values to a pipe, and read lines. In the zygote this prepares every
// child. A child repeats it while it waits, to get its own copies of the memory pages. Before the program begins, its
// own descriptors replace those that are used here.
function warm(printer) {
  printer.log('text')
  printer.log('%d of %s', 1, [{ a: 'b' }])
  const input = new PassThrough()
  require('readline').createInterface({ input }).on('line', printer.log)
  input.end('line\n')
  process._tickCallback() // run what is pending, so that promises start as in a new process
}

// Renew what Node determines at its start and a fork inherits: pid, current folder, and the seed of random numbers. V8
// takes the seed from a generator that is in the same state in all children.
function renewIdentity() {
  const pid = Number(fs.readlinkSync('/proc/self'))
  Object.defineProperty(process, 'pid', { ...Object.getOwnPropertyDescriptor(process, 'pid'), value: pid })
  process.chdir(WORK)
  v8.setFlagsFromString(`--random-seed=${1 + require('crypto').randomInt(2 ** 31 - 1)}`)
  Math.random()
  v8.setFlagsFromString('--random-seed=0')
}

// Make clocks count from the program's start instead of the zygote's; `age` is the difference in milliseconds.
function shiftClocks(age) {
  const { now } = Performance.prototype
  const { get } = Object.getOwnPropertyDescriptor(Performance.prototype, 'timeOrigin')
  const { uptime } = process
  const replace = (object, name, changes) =>
    Object.defineProperty(object, name, { ...Object.getOwnPropertyDescriptor(object, name), ...changes })
  replace(Performance.prototype, 'now', { value: { now() { return now.call(this) - age } }.now })
  replace(Performance.prototype, 'timeOrigin', { get() { return get.call(this) + age } })
  replace(process, 'uptime', { value: { uptime() { return uptime() - age / 1000 } }.uptime })
}

// Node's command line names MAIN and no arguments. The command has the source's name, and the program's arguments.
function takeCommand() {
  const words = []
  for (let name; (name = WORD + words.length) in process.env; delete process.env[name]) words.push(process.env[name])
  const source = words.findIndex((word, index) => index > 0 && !word.startsWith('--'))
  process.argv.push(...words.slice(source + 1))
  const own = path.resolve(WORK, words[source])
  if (own === MAIN) return
  require('module')._pathCache[`${MAIN}\0`] = own // Node looks here for the path of MAIN
  process.argv[1] = own
}

// Worker threads load this file too, and get the main thread's age.
if (isMainThread) {
  const output = new net.Socket({ fd: 1, readable: false, writable: true })
  output._handle.unref() // the socket's own `unref` waits until it is connected
  PRELOADED.forEach((name) => require(name))
  const printer = new console.Console({ stdout: output, colorMode: false }) // colour detection uses standard error
  warm(printer)
  process.dlopen({ exports: {} }, LIBRARY)
  renewIdentity()
  warm(printer)
  process.dlopen({ exports: {} }, LIBRARY)
  takeCommand()
  setEnvironmentData(AGE, performance.now() - START_MS)
}
shiftClocks(getEnvironmentData(AGE))
process.execArgv = process.execArgv.filter((option) => !option.startsWith('--require='))
delete require.cache[__filename]
