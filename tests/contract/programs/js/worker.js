const { Worker, isMainThread, parentPort, workerData, threadId } = require('worker_threads')
if (isMainThread) {
  const worker = new Worker(__filename, { workerData: 20 })
  // Messages and errors come by ways of their own: which is the first is left to chance.
  const heard = []
  worker.on('message', (message) => heard.push(`from worker ${JSON.stringify(message)}`))
  worker.on('error', (error) => heard.push(`failed ${error.message}`))
  worker.on('exit', (code) => console.log(heard.sort(), 'worker ended', code, threadId))
} else {
  parentPort.postMessage([workerData + 1, threadId, process.argv, process.execArgv, Object.keys(require.cache), require.main === module])
  throw new Error('in the worker')
}
