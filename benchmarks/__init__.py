"""Measures of the product, beside what it is compared with: `python -m benchmarks.pipeline`, `make bench-pipeline`."""
