"""Checks and rewrites text that strangers sent."""
