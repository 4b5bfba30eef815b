"""How the schema of a database differs from that of the repository."""

from pathlib import Path

import asyncpg

SCHEMA = Path(__file__).parents[2] / "shared/adapters/database/schema.sql"


#: The columns, constraints and indexes of a schema, one a row. A name of another schema is written with it.
_CATALOG = """
    SELECT format('%s.%s %s not null %s identity %s generated %s %s', relname, attname,
        format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, pg_get_expr(adbin, adrelid)) AS row
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relnamespace = CAST(CAST($1 AS text) AS regnamespace) AND relkind = 'r'
    UNION ALL SELECT format('%s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = CAST(CAST($1 AS text) AS regnamespace) AND contype <> 'n'
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = CAST($1 AS text)
"""


async def rows_of(connection: asyncpg.Connection, schema: str) -> set[str]:
    await connection.execute(f"SET search_path TO {schema}")
    rows = {row["row"].replace(f"{schema}.", "") for row in await connection.fetch(_CATALOG, schema)}
    return {row for row in rows if "alembic_version" not in row}


async def differences(url: str) -> set[str]:
    """Return the rows of the catalog in which the database differs from `schema.sql`."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE SCHEMA wanted; SET search_path TO wanted")
        await connection.execute(SCHEMA.read_text())
        return await rows_of(connection, "public") ^ await rows_of(connection, "wanted")
    finally:
        await connection.execute("DROP SCHEMA wanted CASCADE")
        await connection.close()
