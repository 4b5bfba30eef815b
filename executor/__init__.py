"""The execution engine: a CodeX-compatible HTTP server that compiles and runs programs in a sandbox.

It knows no database, queue, store, mail or secret. Read `pipeline.py` first; `docs/executor.md` draws the whole.
"""
