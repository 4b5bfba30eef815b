import signal

for number in sorted(signal.valid_signals()):
    try:
        print(number, signal.getsignal(number))
    except ValueError as error:
        print(number, error)
print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
