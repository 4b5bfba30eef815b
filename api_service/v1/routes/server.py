"""The limits of this server, and the use of a key's budgets."""

import math

from fastapi import Request, Response
from pydantic import Field

from api_service.limits.rate_limits import WINDOW_SECONDS, RateLimit
from api_service.problems.bounds import MAX_PACKAGE_FILES
from api_service.problems.storing import used_bytes
from api_service.requests.answers import answer
from api_service.requests.openapi import V1Router
from api_service.requests.prefer import MAX_WAIT_S
from api_service.requests.validation import read_query
from api_service.services import ReaderDep, ServicesDep
from api_service.v1.body.batch import MAX_BATCH
from shared.engine_api.run_call.limits import MAX_ARGS, MAX_ARGS_BYTES, MAX_FILES, MAX_TESTS
from shared.engine_api.unit_tests import MAX_UNIT_TESTS
from shared.records.accounts import cell_rate
from shared.records.accounts.scopes import Scope
from shared.records.resources.kept_answers import KEPT_SECONDS
from shared.records.resources.models import Bytes, ListOf, Resource, Time

router = V1Router(tags=["service"])


class TimeBounds(Resource):
    """The default seconds of a program, and the most that it may ask for."""

    default: float
    max: float


class Bounds(Resource):
    """The default limit of a program, and the highest that it may ask for."""

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
    max_checker_bytes: Bytes = Field(description="All files of a program that judges a submission together.")
    max_package_bytes: Bytes = Field(description="The zip of a problem's package.")
    max_problem_bytes: Bytes = Field(description="All files of a package together, unpacked.")
    max_problem_files: int
    max_problem_tests: int
    max_test_bytes: Bytes = Field(description="One input or answer of a problem.")
    max_stdin_bytes: Bytes
    max_files: int
    max_tests: int
    max_unit_tests: int
    max_batch: int = Field(description="Submissions of a batch.")
    max_args: int
    max_args_bytes: Bytes = Field(description="All arguments together.")
    max_wait_s: int = Field(description="Seconds for which an answer may wait for a result.")
    max_streams: int = Field(description="Event streams that a key may have open.")
    idempotency_s: int = Field(description="Seconds for which the answer to an `Idempotency-Key` is kept.")
    run_seconds: int | None = Field(
        description="Seconds of run time that the programs of this key may use an hour; null for any."
    )
    limits: ProgramBounds


@router.operation(
    "GET /limits",
    "Get the limits of this server",
    "What the operator and the engine allow, by the names of the keys and settings that the limits apply to.",
    answer=ServiceLimits,
)
async def get_limits(principal: ReaderDep, request: Request, services: ServicesDep) -> Response:
    read_query(request)
    settings, catalog = services.settings, await services.languages.catalog()
    limits = {
        name: catalog.bounds[name].model_dump(include={"default", "max"}) if name in catalog.bounds else None
        for name in ProgramBounds.model_fields
    }
    return answer(
        ServiceLimits(
            max_body_bytes=settings.largest_body_bytes,
            # Those that are called like their settings.
            **settings.model_dump(include={*ServiceLimits.model_fields}),
            max_stdin_bytes=settings.max_input_bytes,
            max_problem_files=MAX_PACKAGE_FILES,
            max_files=MAX_FILES,
            max_tests=MAX_TESTS,
            max_unit_tests=MAX_UNIT_TESTS,
            max_batch=MAX_BATCH,
            max_args=MAX_ARGS,
            max_args_bytes=MAX_ARGS_BYTES,
            max_wait_s=MAX_WAIT_S,
            idempotency_s=KEPT_SECONDS,
            run_seconds=services.submissions.costs.seconds_an_hour(principal),
            limits=ProgramBounds.model_validate(limits),
        )
    )


class Usage(Resource):
    """The use of one budget. `mails` is that of the address which this key has mailed most."""

    name: str = Field(examples=["submissions"])
    limit: int = Field(description="What may be used in a window.", examples=[6000])
    used: int = Field(description="What is in use now. Each use counts for less with time, and for a window at most.")
    remaining: int
    window_s: int | None = Field(description="Null: it stays in use until it is deleted.", examples=[WINDOW_SECONDS])
    resets_at: Time | None = Field(description="When nothing will be in use any more; null if nothing is.")


@router.operation(
    "GET /usage",
    "See what a key has used",
    "What this key has used of each budget, and with the scope `problems` of the room for them. Keys with the scope"
    " `admin` have no budgets.",
    answer=ListOf[Usage],
)
async def list_usage(principal: ReaderDep, request: Request, services: ServicesDep) -> Response:
    read_query(request)
    if principal.sees_all:
        return answer(ListOf[Usage](items=[], next=None))
    costs = services.submissions.costs
    limits, mails = costs.of_key(principal), costs.share_of_mails(principal)
    async with services.database.connection() as connection:
        in_use = await cell_rate.in_use(connection, [limit.subject for limit in limits], [mails.subject])
        stores = Scope.PROBLEMS in principal.scopes
        stored = await used_bytes(connection, principal.key_id) if stores else 0
    items = [_usage(limit, in_use.get(limit.subject)) for limit in (*limits, mails)]
    if stores:
        max_bytes = services.settings.key_problem_bytes
        remaining = max(0, max_bytes - stored)
        items.append(
            Usage(
                name="problem_bytes", limit=max_bytes, used=stored, remaining=remaining, window_s=None, resets_at=None
            )
        )
    return answer(ListOf[Usage](items=items, next=None))


def _usage(limit: RateLimit, in_use: cell_rate.BucketUsage | None) -> Usage:
    # Rounded, because the times in the database have microseconds.
    used = math.ceil(round(in_use.seconds * limit.per_hour / WINDOW_SECONDS, 3)) if in_use else 0
    return Usage(
        name=limit.name,
        limit=limit.per_hour,
        used=used,
        remaining=max(0, limit.per_hour - used),
        window_s=WINDOW_SECONDS,
        resets_at=in_use.until if in_use and used else None,
    )
