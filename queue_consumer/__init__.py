"""Service 2: makes jobs of the submission ids from the queue."""
