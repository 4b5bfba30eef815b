seed, counts = 5, {}
for _ in range(100000):
    seed = seed * 16807 % 2147483647
    word = f"w{seed % 3000}"
    counts[word] = counts.get(word, 0) + 1
most = max(counts.values())
print(len(counts), most, min(word for word, count in counts.items() if count == most), NUMBER)
