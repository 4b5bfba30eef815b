const CAPACITY = 5000
const best = new Array(CAPACITY + 1).fill(0)
let seed = 9
for (let item = 0; item < 100; item++) {
  seed = (seed * 16807) % 2147483647
  const weight = (seed % 200) + 10
  const value = Math.floor(seed / 200) % 500
  for (let room = CAPACITY; room >= weight; room--) best[room] = Math.max(best[room], best[room - weight] + value)
}
console.log(best[CAPACITY], best[CAPACITY / 2], NUMBER)
