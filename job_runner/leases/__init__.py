"""Decides which runner works on a job: by claims, and after interruptions and expired leases."""
