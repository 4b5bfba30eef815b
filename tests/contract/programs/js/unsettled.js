import 'fs'
console.log('begins')
await new Promise(() => {})
