const terminal = require('readline').createInterface({ input: process.stdin, output: process.stdout })
terminal.question('how many? ', (count) => terminal.question('which? ', (which) => { console.log(count, which); terminal.close() }))
