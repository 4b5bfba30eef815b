"""The mails of API v1: lists, a result that is mailed again, and reports of the provider."""
