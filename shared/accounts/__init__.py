"""What belongs to a key: the key, its budgets, the secrets of its webhooks."""
