"""The API (service 1): registers submissions over HTTP, requests their execution and lists their results."""
