"""The whole system under faults (docs/reliability.md)."""
