import os, shutil
os.chdir("/tmp")
for entry in os.listdir("/box/work"):
    os.unlink("/box/work/" + entry)
try:
    os.rmdir("/box/work")
    os.symlink("@CANARY_DIR@", "/box/work")
except OSError:
    for name in ("main.py", "main", "main.c", "output", "input"):
        os.symlink("@CANARY@", "/box/work/" + name)
os.symlink("@CANARY_DIR@", "/tmp/deep")
print("HELD")
