"""Alembic revisions. 0001 is the original system's schema, the later ones are ours."""

from alembic import op


def run(script: str) -> None:
    """Run the statements of a script one by one, as the driver requires. Each ends with `;` at the end of a line."""
    for statement in script.split(";\n"):
        op.execute(statement)
