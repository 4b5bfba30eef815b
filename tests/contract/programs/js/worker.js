const { Worker, isMainThread, parentPort, workerData, threadId } = require('worker_threads')
if (isMainThread) {
  const worker = new Worker(__filename, { workerData: 20 })
  worker.on('message', (message) => console.log('from worker', message))
  worker.on('error', (error) => console.log('failed', error.message))
  worker.on('exit', (code) => console.log('worker ended', code, threadId))
} else {
  parentPort.postMessage([workerData + 1, threadId, process.argv, process.execArgv, Object.keys(require.cache), require.main === module])
  throw new Error('in the worker')
}
