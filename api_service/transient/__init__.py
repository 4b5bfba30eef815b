"""Transient runs: programs that run at the engine at once, without a row, an object, an event or a mail."""
