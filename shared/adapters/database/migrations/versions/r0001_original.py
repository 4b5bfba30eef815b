"""The original system's three tables. Existing ones are not changed.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE IF NOT EXISTS uploads (
            id integer PRIMARY KEY, email varchar, inputs varchar, language varchar, enable integer
        )""")
    op.execute("""
        CREATE TABLE IF NOT EXISTS job (
            id serial PRIMARY KEY, upload integer REFERENCES uploads (id), job varchar,
            status varchar DEFAULT 'none-executed'
        )""")
    op.execute("""
        CREATE TABLE IF NOT EXISTS results (
            id serial PRIMARY KEY, job integer REFERENCES job (id), output varchar, filelink varchar,
            execute_date timestamptz
        )""")
