"""The second call of our executor, `POST /run`. `docs/engine.md` describes it."""
