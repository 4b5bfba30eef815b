"""API v1: the routes below /v1. `router.py` collects those of the resources; each has a file in `routes`.

A route takes its sender first (`SubmitterDep` or `ReaderDep`), then the ids of its path (`ids`), and then:

1. looks up what the path names, and raises 404 if the sender may not see it;
2. reads the body, if there is one (400, 413, 415, 422), and calls `read_query`, also if it has no parameters (422);
3. does its work, a POST inside `idempotency.once`;
4. returns `answer(model)`.

It raises `ApiError`, declares itself by `V1Router.operation`, and leaves the rest to `middleware`.
"""
