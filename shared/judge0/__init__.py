"""Submissions as Judge0's clients know them. The API shows them to those clients, and the runner sends them back."""
