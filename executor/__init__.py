"""The engine: a CodeX-compatible HTTP server that compiles and runs programs in a sandbox."""
