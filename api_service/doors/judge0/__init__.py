"""The front door for clients of Judge0 CE: its calls, answered by our use cases (ADR 30).

`validation` checks a client's request, `program` makes a submission from it, and `shared.records.judge0` shows the
submission in Judge0's words.
"""
