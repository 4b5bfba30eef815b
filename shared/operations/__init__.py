"""What an operator reads and changes: jobs, workers, backlog, health."""
