"""The texts for people, and their translations."""
