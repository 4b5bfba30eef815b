"""A set of child processes that is kept running: their start, readiness, restarts and end."""
