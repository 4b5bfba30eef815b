"""What the API and the job runner both know of the front door for Jobe's clients."""
