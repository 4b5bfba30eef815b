"""Every operation of API v1 is described whole in the OpenAPI document."""

import re
from typing import Any, Final

import httpx
import pytest

from api_service.requests.openapi import TAGS
from tests.integration.api_service.conftest import ApiWith

PROBLEM: Final = {"$ref": "#/components/schemas/ApiError"}
METHODS: Final = {"get", "post", "put", "patch", "delete"}

Schema = dict[str, Any]


_made: Final[Schema] = {}


@pytest.fixture
def document(request: pytest.FixtureRequest) -> Schema:
    """Return the document, which one server makes for all tests: that takes seconds."""
    return _made or dict(request.getfixturevalue("fresh_document"))


@pytest.fixture
async def fresh_document(api_with: ApiWith) -> Schema:
    async with api_with(operator_keys=("o" * 32,)) as client:
        _made.update((await client.get("/openapi.json")).json())
    return _made


@pytest.fixture
def operations(document: Schema) -> dict[str, Schema]:
    """Return the operations of API v1, by method and path."""
    found = {
        f"{method} {path}": operation
        for path, methods in document["paths"].items()
        if path.startswith("/v1/")
        for method, operation in methods.items()
    }
    assert "get /v1/submissions/{id}" in found
    return found


@pytest.mark.slow  # `make lint` runs it
async def test_the_document_is_valid(document: Schema) -> None:
    """Generators of clients stop at what OpenAPI 3.1 does not know."""
    from openapi_spec_validator import OpenAPIV31SpecValidator

    OpenAPIV31SpecValidator(document).validate()


def validator_of(schema: Schema) -> Any:
    """Return a validator. The import takes seconds, and each worker imports this file."""
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    return Draft202012Validator(schema)


async def test_every_operation_is_named_and_described(document: Schema, operations: dict[str, Schema]) -> None:
    every = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(every) == len(set(every))
    tags = {tag["name"] for tag in TAGS}
    assert tags <= {tag["name"] for tag in document["tags"]}
    for name, operation in operations.items():
        assert name.partition(" ")[0] in METHODS
        assert re.fullmatch(r"[a-z][a-z0-9_]+", operation["operationId"]), name
        assert re.search(r"\w$", operation["summary"]), name
        assert operation["description"].endswith("."), name
        assert operation["tags"], name
        assert set(operation["tags"]) <= tags, name


async def test_every_answer_and_body_has_an_example(document: Schema, operations: dict[str, Schema]) -> None:
    """An example that is valid by its schema."""
    for name, operation in operations.items():
        contents = {
            **{f"{name} {status}": response.get("content", {}) for status, response in operation["responses"].items()},
            name: operation.get("requestBody", {}).get("content", {}),
        }
        for where, content in contents.items():
            if "application/json" not in content:
                continue
            schema = content["application/json"]["schema"]
            example = content["application/json"].get("example")
            assert example is not None, where
            validator_of({**schema, "components": document["components"]}).validate(example)


async def test_every_parameter_is_described_and_bounded(document: Schema, operations: dict[str, Schema]) -> None:
    for name, operation in operations.items():
        named = [(one["in"], one["name"]) for one in operation.get("parameters", ())]
        assert len(named) == len(set(named)), name
        for parameter in operation.get("parameters", ()):
            where = f"{name} {parameter['name']}"
            assert parameter.get("description"), where
            assert parameter["required"] is (parameter["in"] == "path") or parameter["required"], where
            unbounded(parameter["schema"], where)


async def test_every_number_of_a_body_is_bounded(document: Schema) -> None:
    bodies = {name: one for name, one in document["components"]["schemas"].items() if name.endswith("Body")}
    assert {"SubmissionBody", "RunBody", "BatchBody", "TestBody", "LimitsBody"} <= set(bodies)
    for body, schema in bodies.items():
        for field, one in schema["properties"].items():
            unbounded(one, f"{body}.{field}")


def unbounded(schema: Schema, where: str) -> None:
    """Fail if a number has no bounds, or if a list has no maximum length."""
    for option in schema.get("anyOf", [schema]):
        if option.get("type") in ("integer", "number"):
            assert {"minimum", "exclusiveMinimum"} & set(option), where
        if option.get("type") == "array":
            assert "maxItems" in option, where


async def test_problems_are_as_described(api: httpx.AsyncClient, document: Schema) -> None:
    """The schema of a problem fits what is sent."""
    validator = validator_of({**PROBLEM, "components": document["components"]})
    for path in ("/v1/nothing", "/v1/limits?x=1", "/v1/submissions/x"):
        validator.validate((await api.get(path)).json())
    with pytest.raises(Exception, match="is a required property"):
        validator.validate({"title": "x"})
