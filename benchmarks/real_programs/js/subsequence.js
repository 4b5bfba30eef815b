function letters(seed, count) {
  let made = ''
  for (let number = 0; number < count; number++) {
    seed = (seed * 16807) % 2147483647
    made += 'acgt'[seed % 4]
  }
  return made
}
const one = letters(1, 700)
const other = letters(2, 700)
let before = new Array(other.length + 1).fill(0)
for (const letter of one) {
  const now = [0]
  for (let place = 0; place < other.length; place++)
    now.push(letter === other[place] ? before[place] + 1 : Math.max(before[place + 1], now[place]))
  before = now
}
console.log(before[other.length], NUMBER)
