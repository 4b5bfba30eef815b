held = []
try:
    while len(held) < 100000:
        held.append(open("/dev/null"))
    print("ESCAPED")
except OSError:
    print("HELD")
