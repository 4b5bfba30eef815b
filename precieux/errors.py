"""The errors of the command line alone."""

from shared.common.service.errors import PrecieuxError


class UsageError(PrecieuxError):
    """The command was called wrongly. The text says what to change."""
