import os
for folder in ("/box/work", "/tmp", "/dev/shm"):
    for name in ("main.py", "main", "main.exe", "output", "input", "stdin"):
        path = f"{folder}/{name}"
        if os.path.lexists(path):
            os.unlink(path)
        os.mkfifo(path)
print("HELD")
