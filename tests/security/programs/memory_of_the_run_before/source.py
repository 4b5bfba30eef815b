secret = "left-in-memory-by-the-run-before" * 1000
kept = [secret[n:n + 33] for n in range(0, 10000, 32)]
print("HELD")
