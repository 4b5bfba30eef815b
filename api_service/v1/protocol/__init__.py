"""What every call of API v1 follows: validation, ids, entity tags, idempotency."""
