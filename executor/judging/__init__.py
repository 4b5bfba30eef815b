"""Judges: programs of senders that say whether an output is right. What their ends mean, by protocol. Pure."""
