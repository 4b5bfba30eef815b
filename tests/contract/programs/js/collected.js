// Enough to have V8 compile and collect on its threads, several times.
let kept = []
for (let round = 0; round < 40; round++) {
  kept.push(Array.from({ length: 20000 }, (_, n) => ({ n, text: `${round} ${n}` })))
  if (kept.length > 8) kept.shift()
}
function sum(list) {
  let total = 0
  for (const each of list) for (const one of each) total += one.n * one.text.length
  return total
}
let total = 0
for (let round = 0; round < 30; round++) total += sum(kept)
console.log(total)
