"""An installation: its server, its database, the schema of that, and backups."""
