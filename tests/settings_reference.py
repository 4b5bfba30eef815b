"""`python -m tests.settings_reference` writes the reference of all settings, from the classes that read them.

`docs/settings.md` is for operators; `shared/common/service/known_settings.txt` lets a service report a variable that
nothing reads.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shared.common.service.settings import PREFIX, Settings

_ROOT: Final = Path(__file__).parent.parent
PAGE: Final = _ROOT / "docs/settings.md"
NAMES: Final = _ROOT / "shared/common/service/known_settings.txt"

#: Module -> the part that reads its settings, in the order of the page.
_READERS: Final = {
    "precieux.up.settings": "`precieux up`",
    "api_service.settings": "The API",
    "api_service.doors.piston.settings": "The API: the Piston front door",
    "api_service.doors.jobe.settings": "The API: the Jobe front door",
    "api_service.doors.sandboxfusion.settings": "The API: the SandboxFusion front door",
    "api_service.agent_tools.settings": "The API: the MCP server, and `precieux mcp`",
    "job_runner.settings": "The job runner",
    "shared.adapters.engine.settings": "The job runner, and the API if it has `PRECIEUX_CODEX_URL`: the engine",
    "job_runner.emails.mailers.settings": "The job runner: mails",
    "shared.records.accounts.cell_rate": "The API and the job runner",
    "shared.records.accounts.webhooks": "The API and the job runner: webhooks",
    "shared.adapters.database.connection": "The API, the queue consumer and the job runner: the database",
    "shared.adapters.broker.settings": "The API and the queue consumer: the broker",
    "shared.adapters.storage.settings": "The API, the queue consumer and the job runner: files",
    "shared.records.operations.health": "The API, the queue consumer and the job runner: health and metrics",
    "shared.common.service.logging": "Every program",
    "executor.settings": "The executor",
    "shared.adapters.database.make_roles": "`python -m shared.adapters.database.make_roles`",
}
#: What most installations set, in the order in which one meets it.
_FIRST: Final = (
    "public_url",
    "host",
    "port",
    "data_dir",
    "database_url",
    "mail_from",
    "smtp_url",
    "mailgun_domain",
    "mailgun_api_key",
    "front_doors",
)
#: Defaults that depend on the machine.
_DEFAULTS: Final = {
    "data_dir": "`/var/lib/precieux` for root, otherwise `~/.local/share/precieux`",
    "executor_slots": "one for each processor",
}
#: Variables that no settings class reads.
_OTHERS: Final = {
    "API_KEY": "the command line: the API key that it sends",
    "BIND": "Compose: the address that the gateway is published on; 127.0.0.1",
    "EXECUTOR_MEMORY": "Compose: memory of the executor's container; 4g",
    "URL": "the command line and the client: the address of the server; PRECIEUX_PUBLIC_URL",
}


def classes() -> dict[str, list[type[Settings]]]:
    """Return all settings classes of the product, by module."""
    for package in ("api_service", "queue_consumer", "job_runner", "shared", "executor", "precieux"):
        for file in (_ROOT / package).rglob("*.py"):
            if "(Settings):" in file.read_text():
                importlib.import_module(".".join(file.relative_to(_ROOT).with_suffix("").parts))
    found: dict[str, list[type[Settings]]] = {}
    for kind in Settings.__subclasses__():
        if not kind.__module__.startswith("tests."):
            found.setdefault(kind.__module__, []).append(kind)
    return found


def names() -> str:
    """Return the text of `known_settings.txt`: the names of all variables, without their prefix."""
    read = {name.upper() for kinds in classes().values() for kind in kinds for name in kind.model_fields}
    return "".join(f"{name}\n" for name in sorted(read | set(_OTHERS)))


def page() -> str:
    """Return the text of `docs/settings.md`."""
    return "".join(_page())


def _page() -> Iterator[str]:
    yield "# Settings\n\n"
    yield "<!-- Written by `python -m tests.settings_reference` from the classes that read them. -->\n\n"
    yield "Each setting is an environment variable. An empty one counts as unset. A wrong value stops startup with a\n"
    yield "one-line error. A name that nothing reads is named in the log, with the nearest one that exists.\n"
    found = classes()
    fields = {module: [pair for kind in found.pop(module) for pair in kind.model_fields.items()] for module in _READERS}
    assert not found, f"no reader is named for {sorted(found)}"
    every = [pair for pairs in fields.values() for pair in pairs]
    first = [next((name, field) for name, field in every if name == wanted) for wanted in _FIRST]
    for title, pairs in {
        "The ten that one needs": first,
        **{_READERS[module]: fields[module] for module in fields},
    }.items():
        yield f"\n## {title}\n\n| variable | default | what it is |\n|---|---|---|\n"
        for name, field in pairs:
            yield f"| `{PREFIX}{name.upper()}` | {_default(name, field)} | {_description(field)} |\n"
    yield "\n## Beside the services\n\n| variable | what it is |\n|---|---|\n"
    for name, text in _OTHERS.items():
        yield f"| `{PREFIX}{name}` | {text} |\n"


def _default(name: str, field: FieldInfo) -> str:
    if name in _DEFAULTS:
        return _DEFAULTS[name]
    if field.is_required():
        return "required"
    if field.default is None or field.default == "":
        return "unset"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default}`"


def _description(field: FieldInfo) -> str:
    text = (field.description or "").replace("|", "\\|")
    assert text, "every setting has a description"
    bounds = _bounds(field)
    secret = " A secret." if SecretStr in _kinds(field.annotation) else ""
    return f"{text[0].upper()}{text[1:]}{f' ({bounds})' if bounds else ''}.{secret}"


def _bounds(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return " or ".join(f"`{option}`" for option in get_args(field.annotation))
    least = next((bound.ge for bound in field.metadata if hasattr(bound, "ge")), None)
    most = next((bound.le for bound in field.metadata if hasattr(bound, "le")), None)
    if least is not None and most is not None:
        return f"{least} to {most}"
    return f"at least {least}" if least is not None else ""


def _kinds(annotation: Any) -> list[Any]:
    """Return the types of a union without None, or else the annotation alone, without the checks of `Annotated`."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) is Literal or not get_args(annotation):
        return [annotation]
    return [kind for each in get_args(annotation) if each is not NoneType for kind in _kinds(each)]


if __name__ == "__main__":
    PAGE.write_text(page())
    NAMES.write_text(names())
