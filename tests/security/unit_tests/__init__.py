"""Unit tests of teachers, and programs that try to forge their results."""
