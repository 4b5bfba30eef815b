"""The common parts of all answers: errors, request ids, OpenAPI and streaming."""
