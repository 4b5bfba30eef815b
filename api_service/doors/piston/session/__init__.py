"""Interactive jobs: the WebSocket of a client, and the session with the program at the engine."""
