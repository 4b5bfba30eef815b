def place(row, columns, falling, rising):
    if row == SIZE:
        return 1
    count = 0
    for column in range(SIZE):
        if column not in columns and row + column not in rising and row - column not in falling:
            count += place(row + 1, columns | {column}, falling | {row - column}, rising | {row + column})
    return count


SIZE = 8
print(place(0, frozenset(), frozenset(), frozenset()), NUMBER)
