def attempt(action, *arguments):
    try:
        result = action(*arguments)
    except OSError:
        return
    print("ESCAPED", action, arguments, result)


import os
for pid in [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()] + ["1"]:
    for file in ["environ", "mem", "maps", "auxv", "syscall", "stack", "pagemap", "personality"]:
        attempt(lambda path: open(path, "rb").read(1), f"/proc/{pid}/{file}")
    for link in ["root", "cwd", "exe", "ns/mnt", "ns/user"]:
        attempt(os.readlink, f"/proc/{pid}/{link}")
    attempt(os.listdir, f"/proc/{pid}/fd")
    attempt(os.listdir, f"/proc/{pid}/root/")
    attempt(lambda path: open(path, "r+b"), f"/proc/{pid}/exe")
print("HELD")
