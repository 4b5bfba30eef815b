console.log(new Error('here').stack)
Error.stackTraceLimit = 100
console.log(new Error('deep').stack)
setTimeout(function timer() { console.log(new Error('timer').stack) })
Promise.resolve().then(function job() { console.trace('job') })
function depth() { try { return 1 + depth() } catch (error) { return (error instanceof RangeError) } }
console.log(depth())
