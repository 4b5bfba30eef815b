"""The resources of API v1, as its calls and its webhooks show them."""
