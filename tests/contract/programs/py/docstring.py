"""What it does."""

print(__doc__)
