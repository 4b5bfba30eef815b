"""Benchmarks of the services and the executor: `make bench-pipeline` and `make bench`."""
