"""The database: its connection, its tables, its migrations and its roles."""
