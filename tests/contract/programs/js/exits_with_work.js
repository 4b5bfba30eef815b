const fs = require('fs')
for (let index = 0; index < 500; index++) fs.write(1, 'x'.repeat(50), () => {})
process.exit(0)
