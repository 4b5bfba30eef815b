"""The error that ends a run without a table."""


class HostsError(Exception):
    """A machine cannot be made or reached. The message says what to do."""
