process.once('SIGUSR2', (name, number) => { console.log(name, number); clearInterval(waiting) })
const waiting = setInterval(() => {}, 1000)
process.kill(process.pid, 'SIGUSR2')
