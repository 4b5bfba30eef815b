"""The keys of the jobs' outputs and artifacts in the object store.

Each attempt has its own key, so a late writer cannot replace another attempt's output.
"""

from uuid import UUID


def output_key(job: int, attempt: int, lease_id: UUID) -> str:
    return f"{outputs_of(job)}{attempt}-{lease_id.hex[:8]}.txt"


def artifact_key(job: int, attempt: int, lease_id: UUID, number: int) -> str:
    """Return the key of an artifact, which has its number and not its name."""
    return f"{outputs_of(job)}{attempt}-{lease_id.hex[:8]}-{number}"


def outputs_of(job: int) -> str:
    """Return the prefix of the keys of all attempts of one job."""
    return f"results/{job}-"
