def attempt(action, *arguments):
    try:
        result = action(*arguments)
    except OSError:
        return
    print("ESCAPED", action, arguments, result)


import glob, os
for path in ["/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/hostname", "/etc/machine-id", "/etc/ssh", "/root", "/home", "/srv", "/opt",
             "/var/log", "/run", "/boot", "/sys/kernel", "/sys/class", "/sys/devices", "/sys/module", "/mnt", "/media", "/work", "@CANARY@"]:
    attempt(os.listdir if not os.path.isfile(path) else open, path)
for pattern in ["/home/*/.ssh/*", "/root/.*", "/etc/*shadow*", "/var/lib/*"]:
    for path in glob.glob(pattern):
        print("ESCAPED", path)
# Nothing of the kernel's: only files that tell runtimes of their memory (cgroup_files looks at them).
if os.listdir("/sys") != ["fs"] or os.listdir("/sys/fs") != ["cgroup"] or os.path.ismount("/sys/fs/cgroup"):
    print("ESCAPED", os.listdir("/sys"), os.listdir("/sys/fs"))
print("HELD")
