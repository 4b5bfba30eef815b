const limit = 1000000
const prime = new Uint8Array(limit + 1).fill(1)
prime[0] = prime[1] = 0
for (let number = 2; number <= 1000; number++)
  if (prime[number]) for (let multiple = number * number; multiple <= limit; multiple += number) prime[multiple] = 0
let count = 0
let sum = 0
for (let number = 0; number <= limit; number++)
  if (prime[number]) {
    count++
    sum += number
  }
console.log(count, sum, NUMBER)
