// Node's zygote: a Node that has started, of which programs are forked, each in its box (executor/sandbox/init/node.c).
//
// It is preloaded (`node --require=start.js /box/work/main.js`), so it runs when everything is set up and just before
// Node loads the main module, the ordinary way. It blocks in between, in C: once until it goes on in the process of each
// program, and there again until the program has come. Nothing of the program's is run by us, and no frame of ours is
// below it. The zygote itself never goes on.
'use strict'

const fs = require('fs')
const net = require('net')
const v8 = require('v8')
const { PassThrough } = require('stream')
const { getEnvironmentData, isMainThread, setEnvironmentData } = require('worker_threads')

const LIBRARY = '/box/init.so'
const WORK = '/box/work'
const MAIN = `${WORK}/main.js`
// What a Node takes to come to its program.
const START_MS = 20
const AGE = 'precieux.age'
// What programs most often require, so that they find it loaded. Not `assert`, which looks at standard error at once.
const PRELOADED =
  'crypto events os path perf_hooks readline string_decoder timers tty url util'.split(' ')

// What most programs do first: print text and values, to a pipe, and read lines. None of it reaches a program's own
// descriptors, which take the place of these before it begins. Once done, it is there in every child; done in the child
// too, while that waits, it has its own copy of the memory that it takes.
function warm(printer) {
  printer.log('text')
  printer.log('%d of %s', 1, [{ a: 'b' }])
  const input = new PassThrough()
  require('readline').createInterface({ input }).on('line', printer.log)
  input.end('line\n')
  process._tickCallback() // what has been put off; with nothing pending, promises are run as in a new process
}

// What a Node finds out at its start and a fork does not: who it is, where, and an origin of its own for random numbers,
// which V8 takes from a generator that all children have inherited.
function becomeOneself() {
  const pid = Number(fs.readlinkSync('/proc/self'))
  Object.defineProperty(process, 'pid', { ...Object.getOwnPropertyDescriptor(process, 'pid'), value: pid })
  process.chdir(WORK)
  v8.setFlagsFromString(`--random-seed=${1 + require('crypto').randomInt(2 ** 31 - 1)}`)
  Math.random()
  v8.setFlagsFromString('--random-seed=0')
}

// What counts from Node's start is to count from the program's, and not from the zygote's: `age` is in milliseconds.
function forget(age) {
  const { now } = Performance.prototype
  const { get } = Object.getOwnPropertyDescriptor(Performance.prototype, 'timeOrigin')
  const { uptime } = process
  const replace = (object, name, changes) =>
    Object.defineProperty(object, name, { ...Object.getOwnPropertyDescriptor(object, name), ...changes })
  replace(Performance.prototype, 'now', { value: { now() { return now.call(this) - age } }.now })
  replace(Performance.prototype, 'timeOrigin', { get() { return get.call(this) + age } })
  replace(process, 'uptime', { value: { uptime() { return uptime() - age / 1000 } }.uptime })
}

// Node was told at its start to run MAIN. The source, the only file there is, may have a name of its own.
function findMain() {
  const own = `${WORK}/${fs.readdirSync(WORK)[0]}`
  if (own === MAIN) return
  require('module')._pathCache[`${MAIN}\0`] = own // as if MAIN had been found there
  process.argv[1] = own
}

// Worker threads are started with the same options, and have the main thread's clock.
if (isMainThread) {
  const output = new net.Socket({ fd: 1, readable: false, writable: true })
  output._handle.unref() // its own `unref` waits until it is connected
  PRELOADED.forEach((name) => require(name))
  const printer = new console.Console({ stdout: output, colorMode: false }) // to ask for colours touches standard error
  warm(printer)
  process.dlopen({ exports: {} }, LIBRARY)
  becomeOneself()
  warm(printer)
  process.dlopen({ exports: {} }, LIBRARY)
  findMain()
  setEnvironmentData(AGE, performance.now() - START_MS)
}
forget(getEnvironmentData(AGE))
process.execArgv = process.execArgv.filter((option) => !option.startsWith('--require='))
delete require.cache[__filename]
