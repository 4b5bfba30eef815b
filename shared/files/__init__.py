"""Writes files and archives."""
