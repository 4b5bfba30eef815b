"""Unit tests that call a program from a box of their own. `docs/security.md` describes the boundary."""
