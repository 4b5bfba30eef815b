"""`precieux up`: starts the whole system, and shows its address."""

import os
from typing import Annotated

import typer
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from precieux.commands.options import DataDir
from precieux.installation.schema import has_keys
from precieux.terminal import out, own_command, say
from precieux.up import system
from precieux.up.all_settings import check_all
from precieux.up.settings import DEFAULT_URL, load_up_settings
from precieux.up.system import System
from shared.common.service.logging import LogSettings, configure_logging
from shared.common.service.settings import load

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the API (PRECIEUX_PORT; 8000).")]


def up(port: Port = None, data_dir: DataDir = None) -> None:
    """Start everything on this machine: a database, the services, the executor."""
    check_all()
    configure_logging("up", load(LogSettings))
    system.run(load_up_settings(port=port, data_dir=data_dir), on_ready=show_ready)


def show_ready(ready: System) -> None:
    """Show the system's address, and how to send a program: by the command, which finds its key, or by HTTP."""
    here = f" --url {ready.url}" if ready.url != DEFAULT_URL else ""
    needs_key = bool(os.environ.get("PRECIEUX_API_KEYS")) or has_keys(ready.database_url.get_secret_value())
    key = '-H "Authorization: Bearer $PRECIEUX_API_KEY" ' if needs_key else ""
    fields = "-F 'source=print(6 * 7)' -F language=py -F email=you@example.com"
    commands = (
        f"echo 'print(6 * 7)' | {own_command()} submit - --language py --email you@example.com --wait{here}",
        f"curl {key}{fields} '{ready.url}/v1/submissions?wait=10'",
    )
    lines = {"Page and API": ready.url}
    if ready.has_pages:
        lines["Operator's page"] = f"{ready.url}/admin (log in with an admin key; without one while there is no key)"
    lines |= {"Mails go to": ready.mail_goes_to, "Data folder": str(ready.data_dir)}
    if ready.database_folder and not ready.database_folder.is_relative_to(ready.data_dir):
        # Root's Postgres runs as another user, which cannot reach every data folder.
        lines["Database"] = str(ready.database_folder)
    if not out.is_terminal:
        say("Precieux is ready.")
        for name, value in lines.items():
            say(f"{name}: {value}")
        for line in commands:
            say(f"Try: {line}")
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in lines.items():
        grid.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
    out.print(Panel(grid, title="[bold green]Precieux is ready[/]", subtitle="Ctrl-C stops it", expand=False))
    # Without a frame and wrapping, so that they can be copied.
    for line in commands:
        out.print(Text(f"  {line}", style="cyan"), soft_wrap=True)
