let seed = 11
const records = []
for (let number = 0; number < 5000; number++) {
  seed = (seed * 16807) % 2147483647
  records.push({ id: number, name: `name${seed % 977}`, scores: [seed % 10, seed % 100], on: seed % 2 === 0 })
}
const text = JSON.stringify(records)
let total = 0
for (const record of JSON.parse(text))
  if (record.on) total += record.id + record.scores[0] + record.scores[1] + record.name.length
console.log(text.length, total, NUMBER)
