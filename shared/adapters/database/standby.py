"""Checks that the synchronous standby is there."""

from typing import Final

from shared.adapters.database.connection import Connection

# Every role may count the standbys; only administrators see their names and states.
_LACKS_STANDBY: Final = """
    SELECT current_setting('synchronous_standby_names') <> '' AND NOT EXISTS (SELECT FROM pg_stat_replication) AS lacks
"""


async def lacks_standby(connection: Connection) -> bool:
    """Return True if commits wait for a standby and none is connected. In this state no commit ends."""
    return bool(await connection.fetch_value(_LACKS_STANDBY))
