const moves = []
function move(count, source, target, spare) {
  if (count === 0) return
  move(count - 1, source, spare, target)
  moves.push(source * 3 + target)
  move(count - 1, spare, target, source)
}
move(16, 0, 1, 2)
console.log(moves.length, moves.reduce((sum, move, place) => sum + ((place * move) % 7), 0), NUMBER)
