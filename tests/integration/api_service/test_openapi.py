"""The OpenAPI document describes this server. `test_schemathesis` tests what it says of requests."""

import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api_service.classic import openapi
from api_service.classic.routes import docs
from api_service.settings import ApiSettings
from shared.adapters.database.connection import Database
from shared.records.accounts import api_keys
from shared.records.accounts.api_keys import Scope
from tests.fixtures.postgres import owner_of
from tests.integration.api_service.v1.conftest import app_of
from tests.integration.rows import Outage, execute

CLASSIC = {"submit_query", "submit_form", "request_execution", "list_submissions"}
PROBLEM = {"$ref": "#/components/schemas/ProblemDocument"}


async def document_of(api: httpx.AsyncClient) -> dict[str, Any]:
    answer = await api.get("/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return all operations by their ids, but not those of API v1, which has tests of its own."""
    paths = (path for name, path in document["paths"].items() if not name.startswith("/v1/"))
    return {one["operationId"]: one for path in paths for one in path.values()}


async def test_operations_and_schemas_have_readable_names(api: httpx.AsyncClient) -> None:
    document = await document_of(api)
    assert set(operations(document)) >= CLASSIC
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", name) for name in operations(document))
    assert [
        name for name in document["components"]["schemas"] if not re.fullmatch(r"(ListOf_)?([A-Z][a-z0-9]*)+_?", name)
    ] == []
    assert document["tags"][0]["name"] == "submissions"  # API v1 comes first on the page
    tags = {tag["name"] for tag in document["tags"]}
    for operation in operations(document).values():
        assert operation["summary"]
        assert set(operation["tags"]) <= tags
        for parameter in operation.get("parameters", []):
            assert parameter.get("description") or parameter["schema"]["description"]
            assert "anyOf" not in parameter["schema"]


async def test_every_error_is_a_problem_document(api: httpx.AsyncClient) -> None:
    headers = {"401": {"WWW-Authenticate"}, "415": {"Accept"}, "429": {"Retry-After"}, "503": {"Retry-After"}}
    original = {("request_execution", "400"), ("request_execution", "404"), ("get_readiness", "503")}
    for name, operation in operations(await document_of(api)).items():
        for status, response in operation["responses"].items():
            if status == "200" or (name, status) in original:
                continue
            # People who follow a link get a page.
            content = {kind: each for kind, each in response["content"].items() if kind != "text/html"}
            assert content == {"application/problem+json": {"schema": PROBLEM}}, (name, status)
            assert set(response.get("headers", {})) == headers.get(status, set()), (name, status)


async def test_a_key_is_required_once_one_has_existed(api: httpx.AsyncClient, database: Database) -> None:
    app_of(api).state.services.authenticator._any_key._seconds = -1
    document = await document_of(api)
    assert document["components"]["securitySchemes"]["apiKey"].items() >= {"type": "http", "scheme": "bearer"}.items()
    secured = {name: one["security"] for name, one in operations(document).items() if one["security"]}
    assert secured == {name: [{"apiKey": []}, {}] for name in CLASSIC}
    async with owner_of(database).transaction() as connection:
        await api_keys.create(connection, "test", [Scope.READ])
    secured = {name: one["security"] for name, one in operations(await document_of(api)).items() if one["security"]}
    assert secured == {name: [{"apiKey": []}] for name in CLASSIC}


def language_patterns(document: dict[str, Any]) -> list[re.Pattern[str]]:
    form = document["components"]["schemas"]["SubmissionForm"]["properties"]["language"]
    parameters = operations(document)["submit_query"]["parameters"]
    [query] = [one["schema"] for one in parameters if one["name"] == "language"]
    return [re.compile(schema["pattern"]) for schema in (form, query)]


async def test_while_nothing_is_known_all_languages_are_named(api: httpx.AsyncClient) -> None:
    for pattern in language_patterns(await document_of(api)):
        for name in ("py", "Python3", " C++ ", "rust", "c#"):
            assert pattern.search(name)
        assert not pattern.search("klingon")


async def test_the_languages_are_the_installed_ones(api: httpx.AsyncClient, database: Database) -> None:
    await execute(database, "INSERT INTO languages VALUES ('py', '', now()), ('cpp', '', now())")
    for pattern in language_patterns(await document_of(api)):
        assert pattern.search("PYTHON")
        assert not pattern.search("rust")


async def test_the_longest_texts_are_those_of_the_settings(api: httpx.AsyncClient) -> None:
    form = (await document_of(api))["components"]["schemas"]["SubmissionForm"]["properties"]
    assert (form["file"]["maxLength"], form["inputs"]["maxLength"]) == (10_000, 20_000)  # as in `client_of`


async def test_the_document_needs_no_database(
    api: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    Outage(database, monkeypatch).is_on = True
    assert set(operations(await document_of(api))) > CLASSIC


async def test_the_document_is_made_once_until_the_languages_change(
    api: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes some 30 ms of the event loop, and needs no key."""
    made: list[list[str]] = []
    describe = openapi.describe

    def counted(app: FastAPI, settings: ApiSettings, languages: list[str], **how: Any) -> dict[str, Any]:
        made.append(languages)
        return describe(app, settings, languages, **how)

    monkeypatch.setattr(docs, "describe", counted)
    await execute(database, "INSERT INTO languages VALUES ('py', '', now())")
    assert await document_of(api) == await document_of(api) == await document_of(api)
    assert made == [["py"]]
    await execute(database, "INSERT INTO languages VALUES ('go', '', now())")
    app_of(api).state.services.languages._cached._reading = None
    await document_of(api)
    assert made == [["py"], ["py", "go"]]
