"""The whole system under faults: see docs/reliability.md."""
