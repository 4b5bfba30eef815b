# An odd number has no two equal halves.
half = int(input()) // 2
print(half, half)
