import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        for number in range(3):
            os.close(number)
        os.execv(sys.executable, [sys.executable, "-c", "import time\nwhile True: time.sleep(1)", "@MARK@"])
    os._exit(0)
time.sleep(0.2)
print("HELD")
