"""An installation on several hosts under faults: a small network on one machine, and the checks of its behaviour."""
