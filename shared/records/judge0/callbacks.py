"""The callbacks that the runner sends to a client's `callback_url` when its submission has ended."""

from typing import Final

from shared.adapters.database.connection import Connection

#: The most attempts, and the most seconds of each.
CALLBACK_TRIES: Final = 3
CALLBACK_SECONDS: Final = 5.0
#: The type of the rows of `webhooks` that are callbacks.
CALLBACK: Final = "judge0.callback"

# Submissions from before the upgrade have no `guards_callback`.
_IS_OPEN: Final = "SELECT FROM judge0_submissions WHERE upload = :upload AND request -> 'guards_callback' = 'false'"


async def is_guarded(connection: Connection, upload: int) -> bool:
    """Return True if the callback of a submission may go only where webhooks may go."""
    return await connection.fetch_one(_IS_OPEN, {"upload": upload}) is None


def webhook_type(upload: str, otherwise: str) -> str:
    """Return the SQL of the type of a submission's webhook: CALLBACK if it came from a client of Judge0."""
    is_judge0 = f"EXISTS (SELECT FROM judge0_submissions WHERE judge0_submissions.upload = {upload})"
    return f"CASE WHEN {is_judge0} THEN '{CALLBACK}' ELSE {otherwise} END"
