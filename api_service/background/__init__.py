"""Work beside the requests: publishes the outbox, records figures, and checks if the API is ready."""
