const readline = require('readline')
const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity })
;(async () => {
  for await (const line of lines) await new Promise((resolve) => setTimeout(() => { console.log(line); resolve() }, 5))
  console.error('end of input')
})()
