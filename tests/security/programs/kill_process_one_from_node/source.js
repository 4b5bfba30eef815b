const { constants } = require('os')
for (const signal of Object.values(constants.signals)) {
  try { process.kill(1, signal) } catch {}
}
setTimeout(() => console.log('HELD'), 100)
