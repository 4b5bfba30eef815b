async function fails() { await null; throw new RangeError('rejected') }
fails()
process.on('exit', (code) => console.log('exit', code))
