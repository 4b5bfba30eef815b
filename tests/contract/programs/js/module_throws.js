import 'path'
console.log('before')
function fails() { throw new Error('from a module') }
fails()
