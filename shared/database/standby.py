"""Checks that the synchronous standby is there, and waits until it has all that was read."""

from typing import Final

from shared.database.connection import Connection

# Every role may count the standbys; only administrators see their names and states.
_LACKS_STANDBY: Final = """
    SELECT current_setting('synchronous_standby_names') <> '' AND NOT EXISTS (SELECT FROM pg_stat_replication) AS lacks
"""
# The message is empty. A commit that writes nothing does not wait. One that writes something also waits for all commits
# before it.
_CONFIRM: Final = """
    SELECT pg_logical_emit_message(true, 'precieux', '') WHERE current_setting('synchronous_standby_names') <> ''
"""


async def lacks_standby(connection: Connection) -> bool:
    """Return True if commits wait for a standby and none is connected. In this state no commit ends."""
    row = await connection.fetch_one(_LACKS_STANDBY)
    return row is not None and bool(row["lacks"])


async def confirm(connection: Connection) -> None:
    """Make the commit of this statement wait until the synchronous standby has everything that was read before.

    Do nothing if commits need no standby.

    If a commit's wait for the standby was cancelled, its rows are visible although the standby may lack them. Call this
    before an answer says that a row is there already.
    """
    await connection.execute(_CONFIRM)
