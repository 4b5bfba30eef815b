"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[Path | None, typer.Option(help="Folder of all local state (PRECIEUX_DATA_DIR).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
