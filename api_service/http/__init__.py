"""What every answer of the API has in common: errors, request ids, OpenAPI, streaming."""
