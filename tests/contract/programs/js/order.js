let again = 2
process.on('beforeExit', () => { if (again-- > 0) setTimeout(() => console.log('once more', again), 1); else console.log('no more') })
setImmediate(() => console.log('immediate'))
setTimeout(() => console.log('timeout'), 200)
process.nextTick(() => console.log('tick'))
Promise.resolve().then(() => console.log('promise'))
queueMicrotask(() => console.log('microtask'))
console.log('main', require('async_hooks').executionAsyncId())
