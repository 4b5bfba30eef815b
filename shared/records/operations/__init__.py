"""Reads and changes for the operator: jobs, workers, backlog and health."""
