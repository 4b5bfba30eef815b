"""The HTML of the mails, as Jinja templates."""

from typing import Final

import jinja2

TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("job_runner.emails"),
    autoescape=True,
    # They are part of the program: nobody changes them while that runs.
    auto_reload=False,
    undefined=jinja2.StrictUndefined,
)
