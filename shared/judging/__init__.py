"""Problem packages and grades: pure, no I/O but of the package itself."""
