const { EventEmitter } = require('events')
const { emit } = process
console.log(emit === EventEmitter.prototype.emit, typeof process.emit, Object.keys(process).includes('emit'))
process.emit('own', 1)
process.emit = function (event, ...rest) {
  console.log('emits', event, ...rest)
  return emit.call(this, event, ...rest)
}
console.log(Object.keys(process).includes('emit'), process.emit !== emit)
