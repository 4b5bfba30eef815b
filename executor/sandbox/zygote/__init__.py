"""The Python zygote, which forks boxes for Python programs. It imports only the standard library."""
