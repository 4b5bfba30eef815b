"""What runs in the two boxes of unit tests. It imports nothing of the executor but itself."""
