"""The part of the sandbox that is written in C, and how it is compiled."""
