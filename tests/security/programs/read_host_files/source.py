def attempt(action, *arguments):
    try:
        result = action(*arguments)
    except OSError:
        return
    print("ESCAPED", action, arguments, result)


import glob, os
for path in ["/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/hostname", "/etc/machine-id", "/etc/ssh", "/root", "/home", "/srv", "/opt",
             "/var/log", "/run", "/boot", "/sys", "/mnt", "/media", "/work", "@CANARY@"]:
    attempt(os.listdir if not os.path.isfile(path) else open, path)
for pattern in ["/home/*/.ssh/*", "/root/.*", "/etc/*shadow*", "/var/lib/*"]:
    for path in glob.glob(pattern):
        print("ESCAPED", path)
print("HELD")
