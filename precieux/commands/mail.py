"""`precieux mail`: lists mails, shows one, sends one again; `test` and `bounce` have modules of their own."""

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from precieux import terminal
from precieux.commands import bounce, mail_test, suppressions, views
from precieux.commands.options import DataDir, Json
from precieux.installation.operator_database import operate_in_transaction
from precieux.up.settings import load_up_settings
from shared.mail import mails
from shared.resources.models import MailState
from shared.service.errors import PrecieuxError
from shared.text.control_characters import replace_controls

app = typer.Typer(help="List mails, show one, send one again, and check how mails leave.", no_args_is_help=True)

MailId = Annotated[int, typer.Argument(metavar="ID", min=1, max=(1 << 63) - 1, help="The mail's number.")]


@app.command("list")
def list_mails(
    state: Annotated[MailState | None, typer.Option(help="Only those in this state.")] = None,
    email: Annotated[str | None, typer.Option(help="Only those to this address.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, the newest first.")] = 50,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List mails, the newest first."""
    rows = operate_in_transaction(
        lambda connection: mails.listed(connection, state=state, email=email, limit=limit), data_dir
    )
    views.show_list(rows, views.mail_cells, as_json=as_json)


@app.command()
def show(
    mail_id: MailId,
    html: Annotated[bool, typer.Option("--html", help="Print only the HTML part.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Print only the whole message, if a file of it is kept.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show one mail: its state, its history, and its text without the footer."""
    if html + raw + as_json > 1:
        raise typer.BadParameter("give only one of --html, --raw and --json")
    mail = operate_in_transaction(lambda connection: mails.details(connection, mail_id), data_dir)
    if as_json:
        terminal.say_json({**mail, "history": list(views.history(mail))})
    elif raw:
        with _kept(mail, load_up_settings(data_dir=data_dir).data_dir).open("rb") as message:
            shutil.copyfileobj(message, typer.get_binary_stream("stdout"))
    elif html:
        terminal.say(_written(mail, "html"))
    else:
        terminal.show_table(("field", "value"), views.mail_fields(mail), whole=("field",))
        if mail["text"] is not None:
            terminal.say(f"\n{replace_controls(mail['text'])}".rstrip("\n"))


@app.command()
def resend(mail_id: MailId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Send a mail now if it waits, again if it did not arrive, or as a new mail if it has left."""
    done = operate_in_transaction(lambda connection: mails.resend(connection, mail_id), data_dir)
    if as_json:
        terminal.say_json({"id": mail_id, "done": done})
    else:
        terminal.say(done)


app.command("test")(mail_test.mail_test)
app.command("bounce")(bounce.bounce)
app.add_typer(suppressions.app, name="suppressions")


def _written(mail: dict[str, Any], part: str) -> str:
    text: str | None = mail[part]
    if text is None:
        raise PrecieuxError(f"Mail {mail['id']} is not written yet; the job runner writes it before it sends it.")
    return text


def _kept(mail: dict[str, Any], data_dir: Path) -> Path:
    """Return the file of a sent mail. There are files only if no provider is set."""
    name = mail["provider_id"] or ""
    file = data_dir / "outbox" / name
    if not name.endswith(".eml") or Path(name).name != name or not file.is_file():
        raise PrecieuxError(
            f"No message of mail {mail['id']} is kept: only mails that go to files are, for as long as results. See"
            " --html."
        )
    return file
