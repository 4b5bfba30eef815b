"""The constraints of the operator and of the engine on the submissions of a request."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request

from api_service.access.principal import Principal
from api_service.languages.catalog import EngineLanguage, LanguageCatalog
from api_service.problems.bounds import limit_bounds
from api_service.problems.showing import find_visible
from api_service.requests.accept_language import locale_of
from api_service.requests.addresses import AddressRules, address_rules
from api_service.requests.fields import Locale
from api_service.requests.validation import is_clean
from api_service.services import Services
from api_service.settings import ApiSettings
from shared.engine_api.codex import LimitBounds
from shared.records.problems import submitting
from shared.records.problems.versions import ProblemVersion


@dataclass(frozen=True, slots=True)
class Constraints:
    catalog: LanguageCatalog
    settings: ApiSettings
    addresses: AddressRules
    #: The locale of a submission that names none.
    locale: Locale = "en"
    #: False in a batch.
    may_hold: bool = True
    #: False for a run that is not stored.
    may_store: bool = True
    #: The versions that the submissions name, by these names.
    problems: Mapping[str, ProblemVersion] = field(default_factory=dict)

    def bounds_of(self, language: EngineLanguage | None) -> Mapping[str, LimitBounds]:
        """Return the bounds of a program's limits; of one in an unknown language those that all languages share."""
        return language.limits if language else self.catalog.bounds


async def constraints_of(
    request: Request,
    services: Services,
    principal: Principal,
    contents: Sequence[Mapping[str, Any]],
    *,
    may_store: bool = True,
) -> Constraints:
    catalog = await services.languages.catalog()
    names = [content["problem"] for content in contents if isinstance(content.get("problem"), str)]
    if names:
        limit_bounds(services.settings, catalog)
    has_webhook = any(content.get("webhook_url") is not None for content in contents)
    return Constraints(
        catalog=catalog,
        problems=await _problems(services, principal, {*names}),
        settings=services.settings,
        addresses=await address_rules(services, principal, has_webhook=has_webhook),
        locale=locale_of(request.headers.get("Accept-Language", "")),
        may_store=may_store,
    )


async def _problems(services: Services, principal: Principal, names: Iterable[str]) -> dict[str, ProblemVersion]:
    problems: dict[str, ProblemVersion] = {}
    for name in names:
        if is_clean(name) and (named := submitting.reference(name)):
            async with services.database.connection() as connection:
                if version := await find_visible(connection, principal, *named):
                    problems[name] = version
    return problems
