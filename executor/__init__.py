"""The execution engine: a CodeX-compatible HTTP server that compiles and runs programs in a sandbox.

It does not use the database, the queue, the store or mails, and its only secret is the token of its clients. Read
`pipeline/` first; `docs/executor.md` has the overview.
"""
