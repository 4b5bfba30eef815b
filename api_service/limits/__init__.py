"""Bounds what one key, and all keys together, may use or hold."""
