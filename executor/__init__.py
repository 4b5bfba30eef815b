"""The execution engine: a CodeX-compatible HTTP server that compiles and runs programs in a sandbox.

It has no access to the database, the queue, the store, mails or secrets. Read `pipeline.py` first; `docs/executor.md`
has the overview.
"""
