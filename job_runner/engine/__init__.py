"""Waits while the engine cannot be reached, and updates the table of its languages."""
