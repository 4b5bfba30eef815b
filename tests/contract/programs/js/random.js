const crypto = require('crypto')
const drawn = [Math.random(), Math.random(), crypto.randomInt(2 ** 40), crypto.randomUUID(), crypto.getRandomValues(new Uint32Array(1))[0]]
console.log(new Set(drawn).size, drawn[0] >= 0 && drawn[0] < 1)
