"""Callbacks: what the runner sends to a client's `callback_url` when its submission has ended."""

from typing import Final

#: The most attempts, and the most seconds of each.
CALLBACK_TRIES: Final = 3
CALLBACK_SECONDS: Final = 5.0
