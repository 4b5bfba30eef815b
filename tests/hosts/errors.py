"""What ends a run with a sentence instead of a table."""


class HostsError(Exception):
    """The machines cannot be made or reached; the words say what to do."""
