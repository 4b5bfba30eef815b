def attempt(action, *arguments):
    try:
        result = action(*arguments)
    except OSError:
        return
    print("ESCAPED", action, arguments, result)


import os
for folder in ["/", "/usr", "/usr/bin", "/usr/local", "/bin", "/lib", "/etc", "/dev", "/proc", "/box/..", "/var"]:
    attempt(lambda path: open(path, "w"), folder + "/planted")
    attempt(os.mkdir, folder + "/planted.d")
for path in ["/etc/passwd", "/etc/ld.so.preload", "/usr/bin/python3", "/bin/sh", "/etc/hosts"]:
    attempt(lambda path: open(path, "r+b"), path)
    attempt(os.unlink, path)
    attempt(os.rename, path, "/tmp/stolen")
print("HELD")
