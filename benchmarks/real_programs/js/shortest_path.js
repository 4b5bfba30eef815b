const SIZE = 120
let seed = 21
const costs = []
for (let number = 0; number < SIZE * SIZE; number++) {
  seed = (seed * 16807) % 2147483647
  costs.push((seed % 9) + 1)
}
const heap = []
function push(item) {
  let place = heap.push(item) - 1
  while (place > 0) {
    const parent = (place - 1) >> 1
    if (heap[parent][0] <= item[0]) break
    heap[place] = heap[parent]
    place = parent
  }
  heap[place] = item
}
function pop() {
  const top = heap[0]
  const item = heap.pop()
  if (heap.length) {
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1][0] < heap[child][0]) child++
      if (heap[child][0] >= item[0]) break
      heap[place] = heap[child]
      place = child
    }
    heap[place] = item
  }
  return top
}
const distance = new Array(SIZE * SIZE).fill(1e9)
distance[0] = 0
push([0, 0])
while (heap.length) {
  const [far, place] = pop()
  if (far > distance[place]) continue
  const row = Math.floor(place / SIZE)
  const column = place % SIZE
  for (const [down, right] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    if (row + down < 0 || row + down >= SIZE || column + right < 0 || column + right >= SIZE) continue
    const beside = (row + down) * SIZE + column + right
    const longer = far + costs[beside]
    if (longer < distance[beside]) {
      distance[beside] = longer
      push([longer, beside])
    }
  }
}
console.log(distance[SIZE * SIZE - 1], Math.max(...distance), NUMBER)
