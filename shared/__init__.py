"""What the services share, as five libraries: `common`, `engine_api`, `judging`, `adapters` and `records`."""
