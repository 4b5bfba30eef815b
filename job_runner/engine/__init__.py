"""Calls the engine, and waits while it is away."""
