"""The front doors: compatibility APIs, which answer the calls of other systems by our use cases (ADR 30)."""
