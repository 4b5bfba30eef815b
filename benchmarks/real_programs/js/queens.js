const SIZE = 8
function place(row, columns, falling, rising) {
  if (row === SIZE) return 1
  let count = 0
  for (let column = 0; column < SIZE; column++)
    if (!columns.has(column) && !rising.has(row + column) && !falling.has(row - column))
      count += place(
        row + 1,
        new Set(columns).add(column),
        new Set(falling).add(row - column),
        new Set(rising).add(row + column),
      )
  return count
}
console.log(place(0, new Set(), new Set(), new Set()), NUMBER)
