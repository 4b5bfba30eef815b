"""The Python process that forks boxes. It runs inside the wall, and imports nothing but the standard library."""
