let seed = 7
const people = []
for (let number = 0; number < 60000; number++) {
  seed = (seed * 16807) % 2147483647
  people.push([seed % 90, Math.floor(seed / 90) % 1000, number])
}
people.sort((one, other) => other[0] - one[0] || one[1] - other[1] || one[2] - other[2])
console.log(people.reduce((sum, person, place) => sum + (place % 100) * person[2], 0), NUMBER)
