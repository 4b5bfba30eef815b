import os
extra = []
for number in range(3, 4096):
    try:
        os.fstat(number)
        extra.append((number, os.readlink(f"/proc/self/fd/{number}")))
    except OSError:
        pass
print("HELD" if not extra else f"ESCAPED {extra}")
