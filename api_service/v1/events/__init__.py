"""Event streams of submissions and batches."""
