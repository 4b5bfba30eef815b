import signal

signal.signal(signal.SIGALRM, lambda number, frame: print("alarm", frame.f_lineno > 0))
signal.setitimer(signal.ITIMER_REAL, 0.05)
signal.pause()
