"""The rules of all calls of API v1: validation, ids, entity tags and idempotency."""
