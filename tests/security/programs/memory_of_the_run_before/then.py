# The needle is made of its mirror image, byte by byte, so that it is not in this program's own memory as a whole.
mirrored = b"erofeb-nur-eht-yb-yromem-ni-tfel"
size = len(mirrored)


def found(block):
    position = block.find(mirrored[-1:])
    while position >= 0:
        if all(block[position + n : position + n + 1] == mirrored[size - 1 - n : size - n] for n in range(size)):
            return True
        position = block.find(mirrored[-1:], position + 1)
    return False


seen = 0
escaped = False
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
    for line in maps.read().splitlines():
        bounds, rights = line.split()[:2]
        first, last = (int(bound, 16) for bound in bounds.split("-"))
        if "r" not in rights or "[v" in line or last - first > 64 << 20:
            continue
        try:
            memory.seek(first)
            block = memory.read(last - first)
        except (OSError, OverflowError):
            continue
        seen += len(block)
        escaped = escaped or found(block)
print("ESCAPED" if escaped else "HELD" if seen > 1 << 20 else f"saw {seen} bytes")
