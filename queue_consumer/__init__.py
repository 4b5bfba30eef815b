"""Service 2: turns ids from the queue into job rows."""
