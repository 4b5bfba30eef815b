"""What the API does beside requests: publishes the outbox, records figures, checks its readiness."""
