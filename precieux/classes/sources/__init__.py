"""Reads the exports of each system. `find` tries their functions in order."""
