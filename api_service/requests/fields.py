"""The types of keys that bodies and queries of several calls have."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from api_service.http.integers import MAX_ID
from api_service.http.sentences import as_written
from shared.records.messages.translations import LOCALES

#: The languages of the mails: English, and one for each file of `shared/records/locales/`. A type checker does not know
#: these.
if TYPE_CHECKING:
    Locale = str
else:
    Locale = Literal[LOCALES]

#: `checked` refuses a NUL and lone surrogates.
Text = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^[^\u0000]*$"})]
#: JSON does not distinguish 2.0 from 2.
Whole = Annotated[int, Field(gt=0, le=MAX_ID), BeforeValidator(as_written)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
MetadataName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
