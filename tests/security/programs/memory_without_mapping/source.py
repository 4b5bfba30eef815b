import ctypes, os
held, total = [], 0
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
try:
    for number in range(64):
        descriptor = os.memfd_create("hidden")
        held.append(descriptor)
        total += os.write(descriptor, bytes(16 << 20))
except OSError:
    pass
for number in range(64):
    segment = libc.shmget(0, 16 << 20, 0o1666)
    if segment == -1:
        break
    address = libc.shmat(segment, None, 0)
    ctypes.memset(address, 1, 16 << 20)
    libc.shmdt(ctypes.c_void_p(address))
    total += 16 << 20
print("HELD" if total < (200 << 20) else f"ESCAPED {total}")
