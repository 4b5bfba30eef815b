CAPACITY = 5000
best = [0] * (CAPACITY + 1)
seed = 9
for _ in range(100):
    seed = seed * 16807 % 2147483647
    weight, value = seed % 200 + 10, seed // 200 % 500
    for room in range(CAPACITY, weight - 1, -1):
        better = best[room - weight] + value
        if better > best[room]:
            best[room] = better
print(best[CAPACITY], best[CAPACITY // 2], NUMBER)
