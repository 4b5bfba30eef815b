"""Decides what the engine's answer means for a job."""
