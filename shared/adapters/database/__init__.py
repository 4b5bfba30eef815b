"""The database: connection, tables, migrations and roles."""
