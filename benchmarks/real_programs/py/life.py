SIZE = 64
seed, cells = 31, []
for _ in range(SIZE * SIZE):
    seed = seed * 16807 % 2147483647
    cells.append(1 if seed % 3 == 0 else 0)
for _ in range(20):
    after = []
    for row in range(SIZE):
        above, below = (row - 1) % SIZE * SIZE, (row + 1) % SIZE * SIZE
        here = row * SIZE
        for column in range(SIZE):
            left, right = (column - 1) % SIZE, (column + 1) % SIZE
            around = cells[above + left] + cells[above + column] + cells[above + right]
            around += cells[here + left] + cells[here + right]
            around += cells[below + left] + cells[below + column] + cells[below + right]
            after.append(1 if around == 3 or (around == 2 and cells[here + column]) else 0)
    cells = after
print(sum(cells), sum(place % 1000 for place, cell in enumerate(cells) if cell), NUMBER)
