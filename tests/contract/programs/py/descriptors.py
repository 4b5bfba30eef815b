import os

print(sorted(os.listdir("/proc/self/fd")))
print(os.readlink("/proc/self/exe"), os.stat("/proc/self").st_uid, os.stat("/proc/self/fd").st_uid)
