process.stdin.on('data', () => {})
process.stdin.pause()
console.log('leaves it')
