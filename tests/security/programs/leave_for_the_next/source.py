import ctypes, os, socket
from multiprocessing import shared_memory
libc = ctypes.CDLL(None)
for path in ["/tmp/left", "/var/tmp/left", "/dev/shm/left", "/box/work/left", "/box/tmp/left"]:
    open(path, "w").write("left")
libc.shmget(4711, 4096, 0o1666)
libc.mq_open(b"/left", os.O_CREAT | os.O_RDWR, 0o666, None)
print("HELD")
