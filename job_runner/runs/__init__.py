"""Runs a job from its claim to its result."""
