"""Waits while the engine cannot be reached, updates the table of its languages, and charges keys for its time."""
