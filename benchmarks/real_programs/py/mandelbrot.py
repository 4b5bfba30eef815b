inside = turns = 0
for row in range(80):
    for column in range(80):
        real, imaginary = column / 32 - 2, row / 32 - 1.25
        x = y = 0.0
        count = 0
        while count < 60 and x * x + y * y <= 4:
            x, y = x * x - y * y + real, 2 * x * y + imaginary
            count += 1
        turns += count
        inside += count == 60
print(inside, turns, NUMBER)
