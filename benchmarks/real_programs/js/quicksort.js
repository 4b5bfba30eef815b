function quicksort(values, low, high) {
  while (low < high) {
    const pivot = values[(low + high) >> 1]
    let left = low
    let right = high
    while (left <= right) {
      while (values[left] < pivot) left++
      while (values[right] > pivot) right--
      if (left <= right) {
        ;[values[left], values[right]] = [values[right], values[left]]
        left++
        right--
      }
    }
    quicksort(values, low, right)
    low = left
  }
}
let seed = 42
const values = []
for (let number = 0; number < 30000; number++) {
  seed = (seed * 16807) % 2147483647
  values.push(seed % 100000)
}
quicksort(values, 0, values.length - 1)
console.log(values.reduce((sum, value, place) => sum + (place % 1000) * value, 0), NUMBER)
