written = 0
try:
    with open("large", "wb", buffering=0) as file:
        while written < (1 << 30):
            written += file.write(bytes(4 << 20))
except OSError:
    pass
try:
    with open("hole", "wb") as file:
        file.truncate(1 << 40)
    written = 1 << 40
except OSError:
    pass
print("HELD" if written <= (128 << 20) else "ESCAPED")
