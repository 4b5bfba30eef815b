"""Calls the engine: the runner for submissions, the API for transient runs."""
