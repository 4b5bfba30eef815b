"""Batches: the loop that looks at them when a submission has ended, and their ends."""
