"""What is ready before its program comes. Each way is a file of its own, and can be deleted."""
