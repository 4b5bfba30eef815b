"""Where programs run: a bubblewrap wall around one keeper, and one fresh box in it for every run (docs/security.md)."""
