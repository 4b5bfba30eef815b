"""The front door for clients of Judge0 CE: its calls, answered by our use cases (ADR 30).

A request under one of Judge0's paths goes to a separate application (`app`), because Judge0 has its own answers to
errors, other methods and web pages. `routes` has the calls. `validation` checks a client's request, `programs` makes a
submission from it, and `shared.judge0` shows the submission in Judge0's words.
"""
