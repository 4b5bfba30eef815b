const fs = require('fs')
console.log(JSON.stringify(fs.readFileSync('/dev/stdin', 'utf8')))
