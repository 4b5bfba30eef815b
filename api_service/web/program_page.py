"""The page on which a program is written, sent and watched. It holds nothing that needs a key."""

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response

from api_service.http.errors import Fault
from api_service.services import Services
from api_service.web.locales import chosen_locale
from api_service.web.rendering import page
from shared.records.messages.translations import translations
from shared.records.messages.verdict_texts import EXPLANATIONS, LABELS

#: What the token of the form is for, by which the form is recognised as ours.
_PURPOSE: Final = "send"
_TOKEN_SECONDS: Final = 86_400
_EMPTY: Final = {
    "language": "py", "problem": "", "source": "", "stdin": "", "args": "", "compiler_args": "", "cpu_s": "",
    "memory_mib": "", "email": "", "checker": "lines",
    "tests": ({"stdin": "", "expected_output": "", "hidden": False},) * 3,
}  # fmt: skip


async def program_page(
    request: Request,
    services: Services,
    *,
    given: Mapping[str, Any] | None = None,
    faults: Sequence[Fault] = (),
    status: HTTPStatus = HTTPStatus.OK,
    template: str = "program.html.j2",
    headers: dict[str, str] | None = None,
    problem: str | None = None,
    **values: Any,
) -> Response:
    """Return the page. `given` are the fields of a form that was refused, with its `faults`.

    With `problem` the program is for a problem. `values` are those of a `template` that shows more.
    """
    catalog, gettext = await services.languages.catalog(), translations(chosen_locale(request)).gettext
    offered = [(code, details.name if (details := catalog.languages.get(code)) else code) for code in catalog.codes]
    return page(
        request,
        template,
        status=status,
        headers=headers,
        problem=problem,
        url=str(request.base_url),
        offered=offered,
        given={**_EMPTY, **(given or {})},
        faults=[((fault.pointer or "").removeprefix("/").replace("/", "."), fault.detail) for fault in faults],
        token=services.signer.seal(_PURPOSE, str(int(time.time()))),
        largest=services.settings.max_source_bytes,
        is_key_needed=await services.authenticator.keys_existed(),
        verdict_messages={
            **{f"verdict.{verdict}": gettext(label) for verdict, label in LABELS.items()},
            **{f"about.{verdict}": gettext(sentence) for verdict, sentence in EXPLANATIONS.items()},
        },
        **values,
    )


def is_valid_token(services: Services, token: str) -> bool:
    """Return True if this server has made the token in the last day."""
    made_at = services.signer.unseal(_PURPOSE, token)
    return made_at is not None and time.time() - int(made_at) < _TOKEN_SECONDS
