import os
written = 0
try:
    for folder in ["/box/work", "/tmp", "/dev/shm", "/var/tmp"]:
        for number in range(100):
            with open(f"{folder}/fill{number}", "wb", buffering=0) as file:
                for _ in range(16):
                    written += file.write(bytes(1 << 20))
except OSError:
    pass
print("HELD" if written <= (128 << 20) else f"ESCAPED {written}")
