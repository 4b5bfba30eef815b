const { execFileSync, spawnSync, fork } = require('child_process')
if (process.send) { process.on('message', (n) => { process.send([n + 1, process.execArgv, process.argv.slice(1)]); process.disconnect() }) }
else {
  console.log(execFileSync(process.execPath, ['-p', '[process.argv.length, process.execArgv]']).toString())
  console.log(spawnSync('cat', { input: 'through cat' }).stdout.toString())
  spawnSync('sh', ['-c', 'cat; head -c 300000 /dev/zero | tr "\\0" z; echo end'], { stdio: 'inherit' })
  const child = fork(__filename)
  child.on('message', (answer) => console.log('answered', answer))
  child.on('exit', (code) => console.log('child ended', code))
  child.send(1)
}
