require('fs').writeSync(1, 'x'.repeat(900000))
console.log('end')
process.exit(0)
