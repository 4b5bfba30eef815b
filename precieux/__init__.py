"""The command line: runs the whole system on one machine, and talks to it."""
