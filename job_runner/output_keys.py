"""Under which keys the outputs of jobs lie in the object store.

Each attempt has a name of its own: a late writer cannot replace another attempt's output.
"""

from uuid import UUID


def output_key(job: int, attempt: int, lease_id: UUID) -> str:
    return f"{outputs_of(job)}{attempt}-{lease_id.hex[:8]}.txt"


def outputs_of(job: int) -> str:
    """How the keys of all attempts of one job begin."""
    return f"results/{job}-"
