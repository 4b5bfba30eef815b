"""The streams of a program: its input, its output, and files that a compiler made."""
