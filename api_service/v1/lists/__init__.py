"""The pages of lists."""
