"""Alembic revisions: 0001 is the original system's schema, what follows is ours."""

from alembic import op


def run(script: str) -> None:
    """Run the statements of a script one by one, as the driver wants them; each ends with `;` at the end of a line."""
    for statement in script.split(";\n"):
        op.execute(statement)
