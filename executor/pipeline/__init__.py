"""Runs a program, from its files to a verdict."""
