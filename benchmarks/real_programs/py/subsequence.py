def letters(seed, count):
    made = []
    for _ in range(count):
        seed = seed * 16807 % 2147483647
        made.append("acgt"[seed % 4])
    return "".join(made)


one, other = letters(1, 700), letters(2, 700)
before = [0] * (len(other) + 1)
for letter in one:
    now = [0]
    for place, beside in enumerate(other):
        now.append(before[place] + 1 if letter == beside else max(before[place + 1], now[-1]))
    before = now
print(before[-1], NUMBER)
