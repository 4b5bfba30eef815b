const two = (number) => String(number).padStart(2, '0')
let seed = 3
const lines = []
for (let number = 0; number < 4000; number++) {
  seed = (seed * 16807) % 2147483647
  const day = (seed % 28) + 1
  const month = (Math.floor(seed / 28) % 12) + 1
  lines.push(`user${seed % 500}@example${number % 7}.com 2026-${two(month)}-${two(day)} GET /page/${number % 90}`)
}
const pattern = /^(user[0-9]+)@(example[0-5]\.com) ([0-9]{4})-(0[1-6])-([0-9]{2}) (GET|POST) \/page\/([1-8][0-9])$/
let count = 0
let days = 0
for (const line of lines) {
  const found = pattern.exec(line)
  if (found) {
    count++
    days += Number(found[5])
  }
}
console.log(count, days, NUMBER)
