"""The application: routes, limits and error documents around the given services."""

from fastapi import FastAPI

from api_service.body_limit import BodyLimit
from api_service.dependencies import Services
from api_service.measure import Measure
from api_service.problems import add_problem_handlers
from api_service.routes import classic, files, health, unsubscribe


def create_app(services: Services) -> FastAPI:
    app = FastAPI(
        title="Precieux",
        summary="Post a program, its input and an e-mail address; it runs in a sandbox and the result is mailed.",
        version="0.1.0",
        # A redirect would lead to whatever host the request names; the routes answer to both spellings instead.
        redirect_slashes=False,
    )
    app.state.services = services
    for routes in (classic, files, health, unsubscribe):
        app.include_router(routes.router)
    add_problem_handlers(app)
    limits = services.settings
    # What a form adds around the two: boundaries, headers, the other fields.
    app.add_middleware(BodyLimit, max_bytes=limits.max_source_bytes + limits.max_input_bytes + (64 << 10))
    # Added last, so it is the outermost: it sees what the limit refuses.
    app.add_middleware(Measure)
    return app
