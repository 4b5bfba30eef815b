"""The `precieux` command, also as `python -m precieux`."""

import signal

# Python drops a KeyboardInterrupt that is raised in a finalizer or a callback of the garbage collector, and loading
# modules runs many of those. There is nothing to clean up yet, so an interrupt just ends the process.
interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if interruptible:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from precieux.cli import main  # noqa: E402

if interruptible:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if __name__ == "__main__":
    main()
