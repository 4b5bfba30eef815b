"""Runs programs: a bubblewrap wall around one keeper, and inside it a new box for every run (docs/security.md)."""
