"""The routes of API v1, one file a resource."""
