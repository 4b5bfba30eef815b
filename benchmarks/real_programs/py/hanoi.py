moves = []


def move(count, source, target, spare):
    if count == 0:
        return
    move(count - 1, source, spare, target)
    moves.append(source * 3 + target)
    move(count - 1, spare, target, source)


move(16, 0, 1, 2)
print(len(moves), sum(place * move % 7 for place, move in enumerate(moves)), NUMBER)
