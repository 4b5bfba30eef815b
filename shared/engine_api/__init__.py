"""The calls of the engine: the original's CodeX API, and `POST /run` of our executor."""
