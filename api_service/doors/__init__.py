"""The front doors: compatibility APIs, which answer the calls of other systems by our use cases (ADR 30).

A door is a package with a module `app`, whose `open_door` returns its `Door`: which requests are its own, how it reads
them, its answers and its errors. `door`, `program` and `languages` have what all doors share.
"""
