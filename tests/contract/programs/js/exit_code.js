process.on('exit', (code) => { console.log('exit', code, process.exitCode); process.exitCode = 9 })
console.log('main')
process.exit(3)
