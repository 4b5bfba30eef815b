let seed = 5
const counts = new Map()
for (let number = 0; number < 100000; number++) {
  seed = (seed * 16807) % 2147483647
  const word = `w${seed % 3000}`
  counts.set(word, (counts.get(word) ?? 0) + 1)
}
const most = Math.max(...counts.values())
const [first] = [...counts].filter(([, count]) => count === most).map(([word]) => word).sort()
console.log(counts.size, most, first, NUMBER)
