"""Ports to the database, the broker, the object store and the engine, with their adapters."""
