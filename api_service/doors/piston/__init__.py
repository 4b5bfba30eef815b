"""The front door for clients of Piston v2: its calls, answered by the use cases of API v1 (ADR 30).

`docs/from-piston.md` says which differences a client notices.
"""
