"""Calls the engine, and waits while it cannot be reached."""
