"""Finds what a sender may see, and waits for its end."""
