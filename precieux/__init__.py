"""The command line, and `precieux up` with its supervisor and embedded Postgres."""
