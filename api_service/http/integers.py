"""The integers of classic calls: ids and decimal numbers, as forms and query strings write them."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

#: The largest id that a database can hold.
MAX_ID: Final = (1 << 63) - 1
#: The largest number of a run, and of a version of a problem.
MAX_NUMBER: Final = (1 << 31) - 1


def decimal(value: object) -> object:
    # pydantic would take "1.0", "1_0" and " 1" as well.
    if isinstance(value, str) and not (value.isascii() and value.removeprefix("-").isdigit()):
        raise ValueError("it must be a decimal integer")
    return value


INT64: Final[dict[str, Any]] = {"format": "int64"}
#: Any id that the database can hold, whether or not there is such a row.
AnyId = Annotated[
    int, Field(ge=-MAX_ID - 1, le=MAX_ID, json_schema_extra=INT64, examples=[5]), BeforeValidator(decimal)
]
