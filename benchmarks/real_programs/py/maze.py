from collections import deque

SIZE = 250
seed, walls = 17, []
for _ in range(SIZE * SIZE):
    seed = seed * 16807 % 2147483647
    walls.append(seed % 10 < 3)
walls[0] = False
steps = {0: 0}
queue = deque([0])
while queue:
    place = queue.popleft()
    row, column = divmod(place, SIZE)
    for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        if 0 <= row + down < SIZE and 0 <= column + right < SIZE:
            beside = (row + down) * SIZE + column + right
            if not walls[beside] and beside not in steps:
                steps[beside] = steps[place] + 1
                queue.append(beside)
print(len(steps), max(steps.values()), NUMBER)
