"""The machine that a command runs on: its files, signals and ports."""
