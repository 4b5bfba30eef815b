const line = 'x'.repeat(99)
for (let i = 0; i < 8000; i++) console.log(line)
console.error('y'.repeat(200000))
