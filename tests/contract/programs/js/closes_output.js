require('fs').closeSync(1)
console.error('still here')
