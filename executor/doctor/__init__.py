"""Proves at the start, and on demand, that programs cannot get out, and names the remedy if they can."""
