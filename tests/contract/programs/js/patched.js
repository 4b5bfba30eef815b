const said = []
const write = process.stdout.write
process.stdout.write = (text, ...rest) => { said.push(text); return true }
console.log('kept'); process.stdout.write = write
console.log(said, console._stdout === process.stdout)
console.log = (...words) => process.stdout.write(`[${words}]\n`)
console.log('patched', 1)
