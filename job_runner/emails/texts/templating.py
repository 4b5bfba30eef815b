"""Renders mails from their templates, in the language of each."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Final

import jinja2

from shared.common.text.strip_nul import strip_nul
from shared.records.messages import templates
from shared.records.messages.translations import direction, known_locale

#: Name -> its colour on a light and on a dark screen. Each text has a contrast of 4.5 or more to what it stands on
#: (WCAG 2.2, AA), which a test computes.
PALETTE: Final = {
    "page": ("#f4f5f7", "#0d1117"),
    "card": ("#ffffff", "#161b22"),
    "panel": ("#f4f5f7", "#0d1117"),
    "line": ("#d8dce2", "#30363d"),
    "ink": ("#1f2328", "#e6edf3"),
    "muted": ("#57606a", "#9da7b3"),
    "good": ("#1a7f37", "#3fb950"),
    "bad": ("#b42318", "#ff7b72"),
    "accent": ("#0b57d0", "#79b8ff"),
}
_FONT: Final = "system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_RTL_FONT: Final = "Vazirmatn,Tahoma,'Segoe UI',system-ui,sans-serif"
_MONOSPACE: Final = "ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"
_CONSTANT: Final = re.compile(r"\$(\w+)")


@dataclass(frozen=True, slots=True)
class StoredAttachment:
    """An attachment of a mail in the database: the object with this `key` in the store, or else a `text`."""

    filename: str
    content_type: str
    key: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """The parts of a mail. `message_id` depends only on the request, so receivers recognise a mail sent twice."""

    subject: str
    text: str
    html: str
    message_id: str
    attachments: tuple[StoredAttachment, ...] = ()

    @property
    def columns(self) -> dict[str, str | None]:
        """The columns of `emails` that hold it."""
        return {
            "subject": self.subject,
            "text": strip_nul(self.text),
            "html": strip_nul(self.html),
            "message_id": self.message_id,
            "attachments": json.dumps([*map(asdict, self.attachments)]) if self.attachments else None,
        }


def rendered(
    name: str,
    locale: str,
    mail: Mapping[str, Any],
    *,
    message_id: str,
    text: str | None = None,
    attachments: tuple[StoredAttachment, ...] = (),
) -> RenderedEmail:
    """Return the mail `name`, whose templates show `mail`. A `text` takes the place of its plain text."""
    return RenderedEmail(
        subject=mail["subject"],
        text=render_text(name, locale, mail=mail) if text is None else text,
        html=render_html(name, locale, mail=mail),
        message_id=message_id,
        attachments=attachments,
    )


def render_html(name: str, locale: str, **values: Any) -> str:
    """Return the HTML of the mail `name` in a locale. A locale without texts is English."""
    return _environment(known_locale(locale)).get_template(f"{name}.html.j2").render(values)


def render_text(name: str, locale: str, **values: Any) -> str:
    """Return the plain text of the mail `name` in a locale. A locale without texts is English."""
    text = _environment(known_locale(locale)).get_template(f"{name}.txt.j2").render(values)
    return f"{text.rstrip()}\n"


class _TemplateLoader(jinja2.PackageLoader):
    """Loads templates, and replaces each `$name` in them by a constant. Doing so for each mail would take longer."""

    def __init__(self, constants: Mapping[str, str]) -> None:
        super().__init__("job_runner.emails.texts")
        self._constants = constants

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool] | None]:
        source, filename, is_current = super().get_source(environment, template)
        return _CONSTANT.sub(lambda match: self._constants[match[1]], source), filename, is_current


@lru_cache
def _environment(locale: str) -> jinja2.Environment:
    is_rtl = direction(locale) == "rtl"
    sides = ("right", "left") if is_rtl else ("left", "right")
    constants = {
        **{name: light for name, (light, _) in PALETTE.items()},
        **{f"dark_{name}": dark for name, (_, dark) in PALETTE.items()},
        "start": sides[0],
        "end": sides[1],
        "font": _RTL_FONT if is_rtl else _FONT,
        "mono": _MONOSPACE,
        # Persian letters need more room above and below.
        "leading": "1.7" if is_rtl else "1.5",
    }
    environment = templates.environment(_TemplateLoader(constants), locale)
    environment.globals["colours"] = {name: light for name, (light, _) in PALETTE.items()}
    environment.filters["indented"] = _indented
    return environment


def _indented(text: str) -> str:
    """Return the text with each line indented, so that no line of it looks like one of ours."""
    return "\n".join(f"    {line}".rstrip() for line in text.split("\n"))
