"""The installation on several hosts under faults: a small network on one machine, and the observer that judges it."""
