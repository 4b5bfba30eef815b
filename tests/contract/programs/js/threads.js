// What runs on Node's and V8's own threads, which a forked Node has got back.
const { promisify } = require('util')
const zlib = require('zlib')
const crypto = require('crypto')
const fs = require('fs')
const { Worker } = require('worker_threads')

async function main() {
  const packed = await promisify(zlib.deflate)(Buffer.alloc(1 << 20, 'abc'))
  console.log((await promisify(zlib.inflate)(packed)).length)
  const keys = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => promisify(crypto.pbkdf2)('secret', `${n}`, 1000, 16, 'sha256')))
  console.log(keys.map((key) => key.toString('hex')).join(' '))
  await fs.promises.writeFile('made.txt', 'made')
  console.log(await fs.promises.readFile('made.txt', 'utf8'), fs.readdirSync('.').sort())
  const workers = [1, 2, 3].map((n) => new Promise((resolve) => new Worker(`require('worker_threads').parentPort.postMessage(${n} * 2)`, { eval: true }).on('message', resolve)))
  console.log(await Promise.all(workers))
  const flag = new Int32Array(new SharedArrayBuffer(4))
  new Worker("const { workerData } = require('worker_threads'); Atomics.store(workerData, 0, 1); Atomics.notify(workerData, 0)", { eval: true, workerData: flag })
  await Atomics.waitAsync?.(flag, 0, 0).value
  console.log(flag[0])
}
main().then(() => console.log('done'))
