// A Node that has started, warmed up, and waits for its program.
//
// It is preloaded (`node --require=start.js main.js`), so it runs when everything is set up and just before Node loads
// `main.js`, the ordinary way. All that it does is to block in between: nothing of the program's is run by us, and no
// frame of ours is below it. The executor writes main.js only when a request has come, and then one line to
// descriptor 3; the end of it without a line means that nobody needs us.
'use strict'

const fs = require('fs')
const { Writable } = require('stream')

const CHANNEL = 3

// What a first `console.log` would load and compile. Nothing here touches descriptors 0 to 2: a Node that has not used
// its standard output leaves it blocking, and programs rely on that. The streams for the input are left alone: they
// would cost each start a tenth more, and few programs use them.
function warm() {
  require('net')
  require('tty')
  const silent = new console.Console(new Writable({ write: (chunk, encoding, done) => done() }))
  silent.log('text')
  process._tickCallback() // what the stream has put off; with nothing pending, promises are run as in a new process
}

// By a flag, or by the file in which libuv looks for a container's limit; without either, V8 takes what the machine has.
function heapIsBounded() {
  const byFlag = process.execArgv.some((option) => option.startsWith('--max-old-space-size='))
  const bytes = process.constrainedMemory?.() // of no container: 0, undefined or more than any machine has
  return byFlag || (bytes > 0 && bytes < 2 ** 40)
}

function hasBeenAsked() {
  const block = Buffer.alloc(4096)
  let count
  do {
    count = fs.readSync(CHANNEL, block)
    if (count === 0) return false
  } while (block[count - 1] !== 10)
  return true
}

// Worker threads are started with the same options, and need nothing of this. (Asking `worker_threads` costs 1.5 ms.)
if (!process.chdir.disabled) {
  if (!heapIsBounded()) process.reallyExit(1)
  warm()
  fs.writeSync(CHANNEL, 'r')
  if (!hasBeenAsked()) process.reallyExit(0)
  fs.closeSync(CHANNEL)
}
process.execArgv = process.execArgv.filter((option) => !option.startsWith('--require='))
delete require.cache[__filename]
