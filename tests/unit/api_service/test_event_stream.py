"""Events as a stream carries them."""

import json

from pydantic import BaseModel

from api_service.v1.events.stream import event


class Printed(BaseModel):
    stdout: str


def test_no_letter_of_a_program_ends_a_line() -> None:
    text = "".join(map(chr, range(0x3000))) + "\U0001f600"
    name, data, *rest = event("finished", Printed(stdout=text), "1").decode().splitlines()
    assert (name, rest) == ("event: finished", ["id: 1", ""])
    assert json.loads(data.removeprefix("data: ")) == {"stdout": text}
