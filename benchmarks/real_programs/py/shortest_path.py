import heapq

SIZE = 120
seed, costs = 21, []
for _ in range(SIZE * SIZE):
    seed = seed * 16807 % 2147483647
    costs.append(seed % 9 + 1)
distance = [10**9] * (SIZE * SIZE)
distance[0] = 0
heap = [(0, 0)]
while heap:
    far, place = heapq.heappop(heap)
    if far > distance[place]:
        continue
    row, column = divmod(place, SIZE)
    for next_row, next_column in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
        if 0 <= next_row < SIZE and 0 <= next_column < SIZE:
            beside = next_row * SIZE + next_column
            longer = far + costs[beside]
            if longer < distance[beside]:
                distance[beside] = longer
                heapq.heappush(heap, (longer, beside))
print(distance[-1], max(distance), NUMBER)
