"""The query of `GET /v1/submissions`."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from api_service.http.integers import LARGEST_ID
from api_service.v1.body.submission import MetadataName
from api_service.v1.protocol.validation import Strict
from shared.engine.codex import STORED_VERDICTS

# A type checker does not know these.
if TYPE_CHECKING:
    _Verdict = str
else:
    _Verdict = Literal[tuple(map(str, STORED_VERDICTS))]


class ListQuery(Strict):
    """The page and the filters of a list of submissions. All filters must hold."""

    limit: int = Field(50, ge=1, le=200, description="The most submissions of a page.")
    cursor: str | None = Field(None, max_length=200, description="`next` of the page before.")
    email: str | None = Field(
        None, max_length=254, description="Only those with this address, in upper or lower case.", examples=["a@b.org"]
    )
    language: str | None = Field(
        None, max_length=100, description="Only those in this language: a code, a name or an alias.", examples=["py"]
    )
    state: Literal["held", "queued", "running", "finished", "failed", "cancelled"] | None = Field(
        None, description="Only those in this state."
    )
    verdict: _Verdict | None = Field(None, description="Only those whose latest run ended with this verdict.")
    batch: int | None = Field(None, ge=1, le=LARGEST_ID, description="Only those of the batch with this id.")
    problem: str | None = Field(
        None, max_length=100, description="Only those to this problem, `sum`, or to one version, `sum@3`."
    )
    created_after: datetime | None = Field(None, description="Only those that were made after this time.")
    created_before: datetime | None = Field(None, description="Only those that were made before this time.")
    metadata: dict[MetadataName, Annotated[str, Field(max_length=500)]] | None = Field(
        None, description="`metadata.NAME`: only those whose metadata has this text under NAME."
    )
