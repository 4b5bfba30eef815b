"""Code that the services share: wire models, tables, settings, and the adapters of the outside world."""
