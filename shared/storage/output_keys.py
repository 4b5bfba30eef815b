"""The keys of the jobs' outputs and artifacts in the object store, and how long links to outputs work.

Each attempt has its own key, so a late writer cannot replace another attempt's output.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

#: How long the link in a mail works; S3 allows no more.
LINK_LIFETIME: Final = timedelta(days=7)


def output_key(job: int, attempt: int, lease_id: UUID) -> str:
    return f"{outputs_of(job)}{attempt}-{lease_id.hex[:8]}.txt"


def artifact_key(job: int, attempt: int, lease_id: UUID, number: int) -> str:
    """Return the key of an artifact, which has its number and not its name."""
    return f"{outputs_of(job)}{attempt}-{lease_id.hex[:8]}-{number}"


def outputs_of(job: int) -> str:
    """Return the prefix of the keys of all attempts of one job."""
    return f"results/{job}-"
