"""The environment of Jinja templates: for the mails, and for the pages of the API."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import jinja2

from shared.records.messages import translations

_FORMATS: Final[dict[str, Callable[..., str]]] = {
    "age": translations.age,
    "date_time": translations.date_time,
    "digits": translations.digits,
    "file_size": translations.file_size,
    "isolated": translations.isolated,
    "memory": translations.memory,
    "number": translations.number,
    "percent": translations.percent,
    "seconds": translations.seconds,
}


def environment(loader: jinja2.BaseLoader, locale: str, **options: Any) -> jinja2.Environment:
    """Return the environment for templates in one locale. `options` are further ones of `jinja2.Environment`.

    Templates translate with `_()`, `ngettext()` and `{% trans %}`, and format with filters such as `number` and
    `date_time`. The globals `locale` and `direction` are the attributes `lang` and `dir` of their HTML.
    Everything is escaped but templates named `*.txt.j2`, and an unknown variable is an error.
    """
    jinja = jinja2.Environment(
        loader=loader,
        autoescape=lambda name: name is None or not name.endswith(".txt.j2"),  # noqa: S701  (all but plain text)
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        # Templates are part of the program. They do not change while it runs, and need no sandbox.
        auto_reload=False,
        **options,
    )
    jinja.policies["ext.i18n.trimmed"] = True
    jinja.install_gettext_translations(translations.translations(locale), newstyle=True)  # type: ignore[attr-defined]
    jinja.globals |= {"locale": locale, "direction": translations.direction(locale)}
    jinja.filters |= {name: partial(format_, locale=locale) for name, format_ in _FORMATS.items()}
    return jinja
