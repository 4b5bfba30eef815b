"""Alembic revisions: 0001 is the original system's schema, what follows is ours."""
