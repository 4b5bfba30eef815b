const digits = [1]
for (let factor = 2; factor <= 400; factor++) {
  let carry = 0
  for (let place = 0; place < digits.length; place++) {
    carry += digits[place] * factor
    digits[place] = carry % 10
    carry = Math.floor(carry / 10)
  }
  while (carry) {
    digits.push(carry % 10)
    carry = Math.floor(carry / 10)
  }
}
console.log(digits.length, digits.reduce((sum, digit) => sum + digit, 0), NUMBER)
