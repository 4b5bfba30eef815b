"""The operator's page, one file for each of its pages. All but `log_in` need a session (`api_service.web.session`)."""

from typing import Final

from api_service.web.routes.admin import failures, keys, log_in, overview, submissions, suppressions

LOG_IN: Final = log_in.PATH
ROUTERS: Final = (failures.router, keys.router, log_in.router, overview.router, submissions.router, suppressions.router)
