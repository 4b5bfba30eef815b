import json

from api_service.errors import v1_document
from api_service.http.errors import ApiError, Fault, Kind
from tests import errors_reference


def test_the_reference_has_all_kinds_of_problems() -> None:
    assert errors_reference.PAGE.read_text() == errors_reference.page()


def test_faults_are_left_out_when_their_texts_are_long_together() -> None:
    """A client may choose the names of very many keys, and reads no answer."""
    faults = [Fault("It is unknown.", pointer=f"/{number}{'x' * 2000}") for number in range(1000)]
    body = bytes(v1_document(ApiError(Kind.INVALID, "x" * 100_000, faults), "").body)
    errors = json.loads(body)["errors"]
    assert [error["pointer"][:3] for error in errors[:3]] == ["/0x", "/1x", "/2x"]
    assert 50 < len(errors) < 1000
    assert len(body) < 110_000
