const SIZE = 64
let seed = 31
let cells = []
for (let number = 0; number < SIZE * SIZE; number++) {
  seed = (seed * 16807) % 2147483647
  cells.push(seed % 3 === 0 ? 1 : 0)
}
for (let turn = 0; turn < 20; turn++) {
  const after = []
  for (let row = 0; row < SIZE; row++) {
    const above = ((row + SIZE - 1) % SIZE) * SIZE
    const below = ((row + 1) % SIZE) * SIZE
    const here = row * SIZE
    for (let column = 0; column < SIZE; column++) {
      const left = (column + SIZE - 1) % SIZE
      const right = (column + 1) % SIZE
      let around = cells[above + left] + cells[above + column] + cells[above + right]
      around += cells[here + left] + cells[here + right]
      around += cells[below + left] + cells[below + column] + cells[below + right]
      after.push(around === 3 || (around === 2 && cells[here + column]) ? 1 : 0)
    }
  }
  cells = after
}
const sum = cells.reduce((sum, cell) => sum + cell, 0)
console.log(sum, cells.reduce((sum, cell, place) => sum + (cell ? place % 1000 : 0), 0), NUMBER)
