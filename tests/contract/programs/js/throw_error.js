console.log('before')
function inner() { throw new TypeError('thrown on purpose', { cause: new Error('the cause') }) }
function outer() { inner() }
outer()
