"""Submissions as Judge0's clients see them. The API answers with them, and the runner sends them in callbacks."""
