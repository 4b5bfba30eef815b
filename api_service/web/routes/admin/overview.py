"""The first page of the operator: is it working, what waits, what failed, and how it was in the last day."""

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from api_service.background import metrics_history
from api_service.background.charts import hours, series_of
from api_service.web.page_route import PageRoute
from api_service.web.routes.admin.answers import OperatorDep
from shared.records.operations.health_checks import issues

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)


@router.get("/admin")
async def overview(operator: OperatorDep) -> Response:
    minutes = await operator.services.database.call(metrics_history.read, _LONG_AGO)
    issues_now = issues(await operator.services.system_status.get())
    latest = minutes[-1] if minutes else None
    return await operator.page("overview", issues=issues_now, latest=latest, hours=hours(minutes))


After = Annotated[int, Query(ge=0, le=1 << 40, description="The second since the epoch after which minutes begin.")]


@router.get("/admin/series")
async def read_series(operator: OperatorDep, after: After = 0) -> Response:
    minutes = await operator.services.database.call(metrics_history.read, datetime.fromtimestamp(after, UTC))
    return JSONResponse(series_of(minutes), headers={"Cache-Control": "no-store"})
