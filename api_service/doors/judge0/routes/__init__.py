"""Judge0's calls."""
