const words = []
for (let number = 0; number < 20000; number++) {
  let word = ''
  for (let value = number * number + 7; value > 0; value = Math.floor(value / 10)) word += 'abcdefghij'[value % 10]
  words.push(word)
}
const palindromes = words.filter((word) => word === [...word].reverse().join('')).length
const text = words.join(' ').replaceAll('ab', 'xyz').toUpperCase()
const vowels = text.split(/[AEI]/).length - 1
console.log(palindromes, text.length, vowels, text.indexOf('XYZJ'), NUMBER)
