"""Who works on a job: claims, interrupted jobs, expired leases."""
