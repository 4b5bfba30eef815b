import ctypes, os, socket
libc = ctypes.CDLL(None)
left = [path for path in ["/tmp/left", "/var/tmp/left", "/dev/shm/left", "/box/work/left", "/box/tmp/left"] if os.path.exists(path)]
if libc.shmget(4711, 0, 0) != -1 or libc.mq_open(b"/left", os.O_RDONLY) != -1:
    left.append("ipc")
print("HELD" if not left else f"ESCAPED {left}")
