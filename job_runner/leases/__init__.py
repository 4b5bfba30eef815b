"""Says which runner works on a job: by claims, and after interruptions. Under its lease, test results are written."""
