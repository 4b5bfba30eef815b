(async () => {
  for await (const line of require('readline').createInterface({ input: process.stdin })) console.log([line])
})()
