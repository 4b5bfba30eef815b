const handles = [process.getActiveResourcesInfo?.(), process._getActiveHandles().length]
const early = performance.now() < 2000 && process.uptime() < 2 && Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 50
console.log(handles, early)
const until = performance.now() + 30
let turns = 0
while (performance.now() < until) turns++
console.log(turns > 1000, performance.now.name, performance.now.length, process.uptime.name)
new (require('worker_threads').Worker)('console.log(performance.now() < 2000, process.uptime() < 2)', { eval: true })
