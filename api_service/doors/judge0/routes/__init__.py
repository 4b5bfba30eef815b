"""Judge0's calls, a file for each kind."""
