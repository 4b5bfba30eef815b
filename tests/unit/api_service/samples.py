"""What the tests of API v1's bodies have in common: a server's languages and bounds, and a body's faults."""

from dataclasses import replace
from typing import Any

import pytest

from api_service.http.errors import ApiError, Fault
from api_service.languages.catalog import LanguageCatalog
from api_service.requests.addresses import AddressRules
from api_service.settings import ApiSettings
from api_service.submissions.new_submission import NewSubmission
from api_service.v1.body.constraints import Constraints
from api_service.v1.body.defaults import BodyPath
from api_service.v1.body.program import UploadedFiles
from api_service.v1.body.rules import validate_submission
from shared.common.http.egress import Egress
from shared.engine_api.codex import LanguageFramework, LanguageVariant, LimitBounds, SupportedLanguage

BOUNDS = {
    "cpu_s": LimitBounds(default=2.0, max=10.0),
    "wall_s": LimitBounds(default=5.0, max=60.0),
    "memory_bytes": LimitBounds(default=1 << 28, max=1 << 30),
    "output_bytes": LimitBounds(default=1 << 20, max=1 << 24),
    "processes": LimitBounds(default=64, max=128),
}


def language(code: str, name: str, *aliases: str, **details: Any) -> SupportedLanguage:
    known: dict[str, Any] = {"extensions": [f".{code}"], "compiled": False, "compiler_args": [], "limits": BOUNDS}
    return SupportedLanguage(language=code, info="1", name=name, aliases=list(aliases), **known | details)


_PYTHON_TESTS = [LanguageFramework(framework=name, version="9.0") for name in ("pytest", "unittest")]
OFFER = LanguageCatalog(
    {
        "py": language("py", "Python", "python", "python3", compiler_args=["-O2"], unit_tests=_PYTHON_TESTS),
        "java": language("java", "Java", compiled=True),
        "bash": language("bash", "Bash", "sh", extensions=[".sh", ".bash"]),
        "cpp": language(
            "cpp",
            "C++",
            "c++",
            compiled=True,
            compiler_args=["-O2", "-std=*"],
            variants=[LanguageVariant(code="cpp20", name="C++20")],
        ),
    }
)
FOREIGN = LanguageCatalog({"py": SupportedLanguage(language="py", info="3.11")})
TERMS = Constraints(
    catalog=OFFER,
    settings=ApiSettings(max_source_bytes=1000, max_input_bytes=100, max_checker_bytes=500),
    addresses=AddressRules(Egress(), lambda email: "Not this one." if "@refused." in email else None, can_sign=True),
)
BASE: dict[str, Any] = {"language": "py", "source": "print(1)"}


def validated(content: object, **constraints: Any) -> NewSubmission:
    return validate_submission(content, replace(TERMS, **constraints))


def faults_of(
    content: object, place: BodyPath | None = None, upload: UploadedFiles | None = None, **constraints: Any
) -> list[Fault]:
    with pytest.raises(ApiError) as refused:
        validate_submission(content, replace(TERMS, **constraints), place, upload)
    assert refused.value.kind.status == 422
    assert all(fault.detail[0].isupper() or not fault.detail[0].isalpha() for fault in refused.value.faults)
    assert all(fault.detail.endswith(".") for fault in refused.value.faults)
    return list(refused.value.faults)


def pointers_of(content: object, upload: UploadedFiles | None = None, **constraints: Any) -> list[str]:
    return [fault.pointer or "" for fault in faults_of(content, upload=upload, **constraints)]
