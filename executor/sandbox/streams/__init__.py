"""What a program reads and writes: its input, its output, and files that a compiler made."""
