"""The object store: keeps submitted files and the outputs of programs."""
