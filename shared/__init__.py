"""What the services have in common: wire models, tables, settings, and the adapters of the outside world."""
