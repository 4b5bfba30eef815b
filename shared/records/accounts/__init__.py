"""API keys, with their budgets and the secrets of their webhooks."""
