let inside = 0
let turns = 0
for (let row = 0; row < 80; row++)
  for (let column = 0; column < 80; column++) {
    const real = column / 32 - 2
    const imaginary = row / 32 - 1.25
    let x = 0
    let y = 0
    let count = 0
    while (count < 60 && x * x + y * y <= 4) {
      const next = x * x - y * y + real
      y = 2 * x * y + imaginary
      x = next
      count++
    }
    turns += count
    if (count === 60) inside++
  }
console.log(inside, turns, NUMBER)
