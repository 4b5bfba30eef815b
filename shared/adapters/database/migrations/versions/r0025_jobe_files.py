"""Add the files of Jobe's clients. Programs of the previous release never name the table.

Revision ID: 0025
Revises: 0024
"""

from shared.adapters.database.migrations import run_online

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_online(_TABLE)


_TABLE = """
CREATE TABLE IF NOT EXISTS jobe_files (
    owner bigint NOT NULL,
    id text NOT NULL,
    sha256 text NOT NULL,
    size_bytes bigint NOT NULL,
    used_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, id)
);
CREATE INDEX IF NOT EXISTS jobe_files_sha256_idx ON jobe_files (sha256);
CREATE INDEX IF NOT EXISTS jobe_files_used_at_idx ON jobe_files (used_at)
"""
