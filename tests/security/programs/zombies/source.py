import os
made = 0
try:
    while made < 100000:
        if os.fork() == 0:
            os._exit(0)
        made += 1
    print("ESCAPED")
except OSError:
    print("HELD")
