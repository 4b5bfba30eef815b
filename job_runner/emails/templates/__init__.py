"""The HTML of the mails, as Jinja templates."""

from typing import Final

import jinja2

TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("job_runner.emails"),
    autoescape=True,
    # Templates are part of the program, and do not change while it runs.
    auto_reload=False,
    undefined=jinja2.StrictUndefined,
)
