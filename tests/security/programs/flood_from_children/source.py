import os
for _ in range(8):
    if os.fork() == 0:
        while True:
            os.write(1, b"a" * 4096)
            os.write(2, b"b" * 4096)
os.wait()
