"""The command line, and what runs behind `precieux up`: the supervisor and the embedded Postgres."""
