SIZE = 90
one = [[(row * 31 + column * 17) % 101 for column in range(SIZE)] for row in range(SIZE)]
other = [[(row * 13 + column * 7) % 103 for column in range(SIZE)] for row in range(SIZE)]
product = [[0] * SIZE for _ in range(SIZE)]
for row in range(SIZE):
    for column in range(SIZE):
        total = 0
        for inner in range(SIZE):
            total += one[row][inner] * other[inner][column]
        product[row][column] = total
print(sum(product[place][place] for place in range(SIZE)), product[3][5], NUMBER)
