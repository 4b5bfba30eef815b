const SIZE = 90
const fill = (down, right, modulus) =>
  Array.from({ length: SIZE }, (_, row) =>
    Array.from({ length: SIZE }, (_, column) => (row * down + column * right) % modulus),
  )
const one = fill(31, 17, 101)
const other = fill(13, 7, 103)
const product = one.map((line) =>
  line.map((_, column) => {
    let total = 0
    for (let inner = 0; inner < SIZE; inner++) total += line[inner] * other[inner][column]
    return total
  }),
)
let trace = 0
for (let place = 0; place < SIZE; place++) trace += product[place][place]
console.log(trace, product[3][5], NUMBER)
