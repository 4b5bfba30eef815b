"""Checks, at every start and on demand, that programs cannot break out of the sandbox, and names a remedy."""
