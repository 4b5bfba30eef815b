"""The pages of problems: their list, and each with its statement, its samples and the editor."""
