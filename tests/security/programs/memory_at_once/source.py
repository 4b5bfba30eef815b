block = b"x" * (1 << 30)
print("ESCAPED", len(block))
