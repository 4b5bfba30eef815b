"""The application: routes, limits and error documents around the given services."""

from fastapi import FastAPI

from api_service.dependencies import Services
from api_service.measure import Measure
from api_service.problems import add_problem_handlers, refusal
from api_service.routes import classic, docs, files, health, unsubscribe
from shared.http_bodies import BodyLimits, BoundedBodies, ByteBudget


def create_app(services: Services) -> FastAPI:
    app = FastAPI(
        title="Precieux",
        summary="Post a program, its input and an e-mail address; it runs in a sandbox and the result is mailed.",
        version="0.1.0",
        # A redirect would lead to the host that the request names. The routes answer to both spellings instead.
        redirect_slashes=False,
        # FastAPI's own pages load their scripts from elsewhere: see `routes.docs`.
        docs_url=None,
        redoc_url=None,
        # Its spans hold query strings, so addresses, inputs and the signatures of links; its logs hold what was sent.
        telemetry={"tracing": False, "operation_spans": False, "logs": False},
    )
    app.state.services = services
    for routes in (classic, docs, files, health, unsubscribe):
        app.include_router(routes.router)
    add_problem_handlers(app)
    settings = services.settings
    app.add_middleware(
        BoundedBodies,
        limits=BodyLimits(settings.largest_body_bytes, settings.body_pause_seconds, settings.body_seconds),
        # One submission fits in any case.
        budget=ByteBudget(max(settings.bodies_bytes, settings.largest_body_bytes)),
        refuse=refusal,
    )
    # Added last, so it is the outermost, and measures refused requests too.
    app.add_middleware(Measure)
    return app
