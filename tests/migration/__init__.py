"""The schema: what the migrations make, and what they cost those who write meanwhile."""
