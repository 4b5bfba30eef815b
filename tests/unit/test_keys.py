"""Keys of API v1 have the same names in the server, in docs/api.md and in the client."""

import dataclasses
import re
from pathlib import Path
from typing import get_type_hints

import pytest
from pydantic import BaseModel

from api_service.v1.body import submission as bodies
from precieux_client import models as client
from precieux_client.parameters import ProgramParameters, SubmissionParameters
from shared.records.resources import models

_PAGE = (Path(__file__).parents[2] / "docs/api.md").read_text()
_KINDS: list[tuple[type[BaseModel], type]] = [
    (bodies.TransientRunBody, ProgramParameters), (bodies.SubmissionBody, SubmissionParameters),
    (bodies.TestBody, client.TestCase), (bodies.LimitsBody, client.Limits), (bodies.JudgeBody, client.Interactor),
    (models.Submission, client.Submission), (models.Run, client.Run), (models.Test, client.TestResult),
    (bodies.UnitTestsBody, client.UnitTests), (models.UnitTestSuite, client.UnitTestsInfo),
    (models.TransientRun, client.TransientRun), (models.CheckerProgram, client.Judge),
]  # fmt: skip


@pytest.mark.parametrize(("served", "of_client"), _KINDS)
def test_the_page_and_the_client_have_the_keys_of_the_server(served: type[BaseModel], of_client: type) -> None:
    is_data = dataclasses.is_dataclass(of_client)
    names = {field.name for field in dataclasses.fields(of_client)} if is_data else {*get_type_hints(of_client)}
    assert names == {*served.model_fields}
    assert [name for name in served.model_fields if not re.search(rf"\b{name}\b", _PAGE)] == []
