def quicksort(values, low, high):
    while low < high:
        pivot, left, right = values[(low + high) // 2], low, high
        while left <= right:
            while values[left] < pivot:
                left += 1
            while values[right] > pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left, right = left + 1, right - 1
        quicksort(values, low, right)
        low = left


seed, values = 42, []
for _ in range(30000):
    seed = seed * 16807 % 2147483647
    values.append(seed % 100000)
quicksort(values, 0, len(values) - 1)
print(sum(place % 1000 * value for place, value in enumerate(values)), NUMBER)
