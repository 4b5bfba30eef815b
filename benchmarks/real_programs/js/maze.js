const SIZE = 250
let seed = 17
const walls = []
for (let number = 0; number < SIZE * SIZE; number++) {
  seed = (seed * 16807) % 2147483647
  walls.push(seed % 10 < 3)
}
walls[0] = false
const steps = new Map([[0, 0]])
const queue = [0]
let longest = 0
for (const place of queue) {
  const row = Math.floor(place / SIZE)
  const column = place % SIZE
  longest = steps.get(place)
  for (const [down, right] of [[0, 1], [1, 0], [0, -1], [-1, 0]]) {
    if (row + down < 0 || row + down >= SIZE || column + right < 0 || column + right >= SIZE) continue
    const beside = (row + down) * SIZE + column + right
    if (walls[beside] || steps.has(beside)) continue
    steps.set(beside, longest + 1)
    queue.push(beside)
  }
}
console.log(steps.size, longest, NUMBER)
