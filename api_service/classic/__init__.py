"""The original's calls."""
