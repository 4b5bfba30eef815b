"""`precieux up`: every service as a child process."""
