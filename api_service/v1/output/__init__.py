"""The stored bytes of a submission."""
