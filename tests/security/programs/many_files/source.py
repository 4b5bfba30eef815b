made = 0
try:
    while made < 200000:
        open(f"/tmp/{made}", "w").close()
        made += 1
    print("ESCAPED")
except OSError:
    print("HELD")
