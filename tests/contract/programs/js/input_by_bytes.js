const fs = require('fs')
const byte = Buffer.alloc(1)
let text = ''
while (fs.readSync(0, byte, 0, 1) === 1) text += byte.toString('latin1')
console.log(JSON.stringify(text))
