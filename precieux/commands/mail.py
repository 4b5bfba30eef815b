"""`precieux mail`: lists mails, shows one, sends one again; `test` and `bounce` have modules of their own."""

from typing import Annotated

import typer

from precieux import terminal
from precieux.commands import bounce, mail_test, suppressions, views
from precieux.commands.options import DataDir, Json, OptionalRowId, RowId, Since
from precieux.installation.operator_database import transact
from shared.common.service.errors import PrecieuxError
from shared.common.text.control_characters import replace_controls
from shared.records.mail import mails
from shared.records.resources.states import MailState

app = typer.Typer(help="List mails, show one, send one again, and check how mails leave.", no_args_is_help=True)


@app.command("list")
def list_mails(
    state: Annotated[MailState | None, typer.Option(help="Only those in this state.")] = None,
    email: Annotated[str | None, typer.Option(help="Only those to this address.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, the newest first.")] = 50,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List mails, the newest first."""
    rows = transact(lambda connection: mails.listed(connection, state=state, email=email, limit=limit), data_dir)
    views.show_list(rows, views.mail_cells, as_json=as_json)


@app.command()
def show(
    mail_id: RowId,
    html: Annotated[bool, typer.Option("--html", help="Print only the HTML part.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show a mail: its state, its history, and the text without the footer."""
    if html and as_json:
        raise typer.BadParameter("give only one of --html and --json")
    mail = transact(lambda connection: mails.details(connection, mail_id), data_dir)
    if as_json:
        terminal.say_json({**mail, "history": list(views.history(mail))})
    elif html:
        if mail["html"] is None:
            raise PrecieuxError(f"Mail {mail_id} is not written yet; the job runner writes it before it sends it.")
        terminal.say(mail["html"])
    else:
        terminal.show_table(("field", "value"), views.mail_fields(mail), whole=("field",))
        if mail["text"] is not None:
            terminal.say(f"\n{replace_controls(mail['text'])}".rstrip("\n"))


@app.command()
def resend(
    mail_id: OptionalRowId = None,
    state: Annotated[MailState | None, typer.Option(help="All that did not arrive and are in this state.")] = None,
    since: Since = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list them.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Send a mail now if it waits, again if it did not arrive, or as a new mail if it has left."""
    if mail_id is not None and state is None and since is None and not dry_run:
        done = transact(lambda connection: mails.resend(connection, mail_id), data_dir)
        terminal.say_done(done, {"id": mail_id, "done": done}, as_json=as_json)
        return
    if mail_id is not None or state not in mails.SENT_AGAIN or since is None:
        raise typer.BadParameter(f"Give the number of a mail, or --state ({', '.join(mails.SENT_AGAIN)}) and --since.")
    start = since.astimezone()
    rows = transact(lambda connection: mails.resend_all(connection, state, start, is_dry=dry_run), data_dir)
    if dry_run:
        views.show_list(rows, views.mail_cells, as_json=as_json)
    else:
        queued = [row["id"] for row in rows]
        terminal.say_done(f"{len(queued)} mails are queued again.", {"queued": queued}, as_json=as_json)


app.command("test")(mail_test.mail_test)
app.command("bounce")(bounce.bounce)
app.add_typer(suppressions.app, name="suppressions")
