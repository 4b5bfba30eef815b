"""What a key, and all keys together, may use or hold."""
