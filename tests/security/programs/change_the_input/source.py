def attempt(action, *arguments):
    try:
        result = action(*arguments)
    except OSError:
        return
    print("ESCAPED", action, arguments, result)


import os
attempt(lambda: os.write(0, b"poison"))
attempt(os.truncate, "/proc/self/fd/0", 0)
attempt(lambda: os.write(os.open("/proc/self/fd/0", os.O_RDWR), b"poison"))
print("HELD")
