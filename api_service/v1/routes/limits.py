"""The bounds of requests to this server."""

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api_service.services import ReaderDep, ServicesDep
from api_service.v1.body.batch import MAX_BATCH
from api_service.v1.protocol.answers import answer
from api_service.v1.protocol.openapi import operation
from api_service.v1.protocol.validation import read_query
from api_service.v1.reads.waiting import MAX_WAIT_S
from shared.engine.run_call import MAX_ARGS, MAX_ARGS_BYTES, MAX_FILES, MAX_TESTS
from shared.resources.kept_answers import KEPT_SECONDS
from shared.resources.models import Bytes, Resource

router = APIRouter(tags=["service"])


class TimeBounds(Resource):
    """The seconds of a program that asks for none, and the most that one may ask for."""

    default: float
    max: float


class Bounds(Resource):
    """The limit of a program that asks for none, and the highest that one may ask for."""

    default: Bytes
    max: Bytes


class ProgramBounds(Resource):
    """The bounds of programs' limits. They are null until an engine has reported them."""

    cpu_s: TimeBounds | None
    wall_s: TimeBounds | None
    memory_bytes: Bounds | None
    output_bytes: Bounds | None
    processes: Bounds | None


class ServiceLimits(Resource):
    """The bounds of requests."""

    max_body_bytes: Bytes
    max_source_bytes: Bytes = Field(description="All files of a submission together.")
    max_stdin_bytes: Bytes
    max_files: int
    max_tests: int
    max_batch: int = Field(description="Submissions of a batch.")
    max_args: int
    max_args_bytes: Bytes = Field(description="All arguments together.")
    max_wait_s: int = Field(description="Seconds for which an answer may wait for a result.")
    max_streams: int = Field(description="Event streams that a key may have open.")
    idempotency_s: int = Field(description="Seconds for which the answer to an `Idempotency-Key` is kept.")
    limits: ProgramBounds


_EXAMPLE = {
    "max_body_bytes": 2_162_688,
    "max_source_bytes": 1_048_576,
    "max_stdin_bytes": 1_048_576,
    "max_files": MAX_FILES,
    "max_tests": MAX_TESTS,
    "max_batch": MAX_BATCH,
    "max_args": MAX_ARGS,
    "max_args_bytes": MAX_ARGS_BYTES,
    "max_wait_s": MAX_WAIT_S,
    "max_streams": 250,
    "idempotency_s": KEPT_SECONDS,
    "limits": {
        "cpu_s": {"default": 10.0, "max": 60.0},
        "wall_s": {"default": 30.0, "max": 120.0},
        "memory_bytes": {"default": 268_435_456, "max": 1_073_741_824},
        "output_bytes": {"default": 1_048_576, "max": 1_048_576},
        "processes": {"default": 64, "max": 64},
    },
}


@router.get(
    "/limits",
    **operation(
        "get_limits",
        "Get the limits of this server",
        "What the operator and the engine allow, by the names of the keys and settings that the limits apply to.",
        answer=ServiceLimits,
        example=_EXAMPLE,
    ),
)
async def get_limits(principal: ReaderDep, request: Request, services: ServicesDep) -> Response:
    read_query(request)
    settings, catalog = services.settings, await services.languages.catalog()
    limits = {
        name: catalog.bounds[name].model_dump() if name in catalog.bounds else None
        for name in ProgramBounds.model_fields
    }
    return answer(
        ServiceLimits(
            max_body_bytes=settings.largest_body_bytes,
            max_source_bytes=settings.max_source_bytes,
            max_stdin_bytes=settings.max_input_bytes,
            max_files=MAX_FILES,
            max_tests=MAX_TESTS,
            max_batch=MAX_BATCH,
            max_args=MAX_ARGS,
            max_args_bytes=MAX_ARGS_BYTES,
            max_wait_s=MAX_WAIT_S,
            max_streams=settings.max_streams,
            idempotency_s=KEPT_SECONDS,
            limits=ProgramBounds.model_validate(limits),
        )
    )
