"""`python -m precieux` is the `precieux` command."""

import signal

# While modules are loaded, a KeyboardInterrupt can be raised where nobody hears of it (a finalizer, a callback of the
# collector), and get lost. There is nothing to tidy up yet, so an interrupt just ends the process.
heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if heeded:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from precieux.cli import main  # noqa: E402

if heeded:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if __name__ == "__main__":
    main()
