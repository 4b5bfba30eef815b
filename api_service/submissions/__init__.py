"""The use cases: register, run, cancel, list and delete submissions."""
