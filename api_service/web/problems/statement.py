"""Reads the statement of a problem in the language of the page, and makes links to its files.

A link is sealed, because browsers load pictures without an API key. It opens this file alone, and for at most two days.
"""

import asyncio
import time
from collections.abc import Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Final

from cachetools import LRUCache
from markupsafe import Markup

from api_service.http.errors import ApiError, Kind
from api_service.requests.content import TEXT, Content
from api_service.services import Services
from api_service.web.problems.safe_html import of_html, of_markdown
from shared.common.service.errors import ObjectNotFound
from shared.judging.packages.model import Package
from shared.judging.packages.statements import picture_at, statement_files, statements_in, type_of_picture
from shared.records.problems.files import key_of

PDF: Final = "application/pdf"
_PURPOSE: Final = "file of a statement"
_DAY: Final = 86_400
#: Longer texts are only offered as files.
_MAX_TEXT: Final = 128 << 10
#: Making HTML takes a processor, so one statement is made at a time, and holds up nothing else.
_MAKING: Final = ThreadPoolExecutor(1, thread_name_prefix="statement")
_MADE: Final[LRUCache[Hashable, Markup]] = LRUCache(8 << 20, getsizeof=len)
_MAKERS: Final = {"html": of_html, "md": of_markdown}
#: The kinds that are shown as they are written.
_SOURCES: Final = ("tex", "txt")


@dataclass(frozen=True, slots=True)
class ShownStatement:
    """A statement on a page: its HTML, or its source if it is in LaTeX or plain text.

    `offered` has the addresses of its files, by kind. An older release has not kept a statement that `is_missing`.
    """

    language: str = "en"
    html: Markup | None = None
    source: str | None = None
    offered: Mapping[str, str] = field(default_factory=dict)
    is_missing: bool = False


async def statement_of(services: Services, package: Package, locale: str, base: str) -> ShownStatement:
    """Return the statement of a package in a language, else in English or another one, for the problem at `base`."""
    files = statement_files(package)
    statements = statements_in(files, locale, "en")
    if not statements:
        return ShownStatement()
    expires = (int(time.time()) // _DAY + 2) * _DAY

    def address_of(path: str) -> str:
        text = f"{expires} {files[path].digest} {files[path].size_bytes} {PurePosixPath(path).name}"
        return f"{base}files/{services.signer.seal(_PURPOSE, text)}"

    readable = {*_MAKERS} if any(each.kind == "pdf" for each in statements) else {*_MAKERS, *_SOURCES}
    short = [each for each in statements if each.kind in readable and files[each.path].size_bytes <= _MAX_TEXT]
    statement = (short or statements)[0]
    offered = {
        each.kind: address_of(each.path) for each in statements if each is not statement or each.kind not in _MAKERS
    }
    try:
        data = await services.store.read(key_of(files[statement.path].digest), 0, _MAX_TEXT if short else 1)
    except ObjectNotFound:
        return ShownStatement(is_missing=True)
    text = data.decode("utf-8-sig", "replace")
    if not short or statement.kind in _SOURCES:
        return ShownStatement(statement.language, source=text if short else None, offered=offered)
    # Pictures of the same name may differ in another version.
    key_of_made = (base, expires, statement, frozenset((path, file.digest) for path, file in files.items()))
    if (made := _MADE.get(key_of_made)) is None:

        def picture(source: str) -> str | None:
            path = picture_at(files, statement, source)
            return path and address_of(path)

        made = await asyncio.get_running_loop().run_in_executor(_MAKING, _MAKERS[statement.kind], text, picture)
        if len(made) <= _MADE.maxsize:
            _MADE[key_of_made] = made
    return ShownStatement(statement.language, html=made, offered=offered)


def linked_file(services: Services, sealed: str) -> Content:
    """Return the file of a link. Raises `ApiError` (404) if the link is not ours, or has expired."""
    expires, digest, size, name = (services.signer.unseal(_PURPOSE, sealed) or "0 0 0 ").split(" ", 3)
    if time.time() >= int(expires):
        raise ApiError(Kind.NOT_FOUND, "This file is not there, or its link has expired: load the problem again.")
    media_type = type_of_picture(name) or (PDF if name.endswith(".pdf") else TEXT)
    read = partial(services.store.read, key_of(digest))
    return Content(int(size), read, media_type, name, is_inline=True, digest=digest)
