"""Service 1: takes submissions over HTTP and tells how they fare."""
