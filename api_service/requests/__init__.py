"""The rules of all calls: bodies, queries, ids, idempotency, waits, entity tags, and runs within bounds."""
