"""`precieux keys`: makes, lists and revokes API keys, and replaces their webhook secrets."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote

import typer

from precieux import terminal
from precieux.commands.options import DataDir, Json, Url
from precieux.installation.operator_database import transact
from precieux.up.settings import DEFAULT_URL
from shared.common.service.errors import PrecieuxError
from shared.common.text.email_addresses import is_recipient
from shared.records.accounts import api_keys, webhooks
from shared.records.accounts.scopes import Scope

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)

KeyId = Annotated[int, typer.Argument(metavar="ID", help="The key's number in the list.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name of the key's owner, for the list.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; may be repeated. Default: submit and read.")
    ] = None,
    recipients: Annotated[
        list[str] | None,
        typer.Option(help="Domain (example.edu, *.example.edu) or address it may mail; may be repeated. Default: all."),
    ] = None,
    run_seconds: Annotated[
        int | None,
        typer.Option(min=0, help="Seconds an hour for which its programs may run; 0: any. Default: the server's."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(metavar="DAY", formats=["%Y-%m-%d"], help="Last day on which it works. Default: no end."),
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", help="Print the link that opens the problems with it. It mails nobody by default.")
    ] = False,
    problem: Annotated[
        str | None, typer.Option(help="The problem that such a link opens. Default: their list.")
    ] = None,
    url: Url = DEFAULT_URL,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a key and its webhook secret. They are shown once; the key is stored only as a digest."""
    link = link or problem is not None
    # The end of the day, where the command runs.
    end = (until + timedelta(days=1)).astimezone() if until else None
    if end and end <= datetime.now(UTC):
        raise typer.BadParameter("the day of --until is over")
    if not api_keys.is_name(name):
        raise typer.BadParameter(f"a name has 1 to {api_keys.MAX_NAME} visible characters")
    scopes = frozenset(scope or (Scope.SUBMIT, Scope.READ))
    allowed = [name.strip() for entry in recipients for name in entry.split(",")] if recipients else None
    allowed = [] if link and allowed is None else allowed
    for name_of_recipient in allowed or ():
        if not is_recipient(name_of_recipient):
            raise typer.BadParameter(f"{name_of_recipient!r} is not a domain, a *.domain or an address")
    secret = webhooks.new_secret()
    key_id, key = transact(
        lambda connection: api_keys.create(
            connection, name, scopes, allowed, secret, run_seconds=run_seconds, until=end
        ),
        data_dir,
    )
    # A browser sends the fragment of an address to no server.
    address = f"{url.rstrip('/')}/problems{f'/{quote(problem)}' if problem else ''}#key={key}" if link else None
    if as_json:
        created = {"id": key_id, "name": name, "scopes": sorted(scopes), "recipients": allowed, "key": key}
        limits = {"run_seconds": run_seconds, "revoked_at": end}
        terminal.say_json({**created, **limits, "webhook_secret": secret, **({"link": address} if link else {})})
        return
    if address:
        terminal.say(address)
        terminal.hint(f"It holds key {key_id} of {name}, and cannot be shown again. Whoever has the link has the key.")
        return
    terminal.say(key)
    terminal.hint(f"Key {key_id} of {name}; it cannot be shown again. Send it as `Authorization: Bearer KEY`.")
    # Not part of the result, so that a script gets the key alone.
    terminal.hint(f"Its webhooks are signed with {secret}, which cannot be shown again either.")


@app.command("list")
def list_keys(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the keys by name. The keys themselves are not stored."""
    names = ("id", "name", "scopes", "recipients", "run_seconds", "created_at", "revoked_at")
    keys = [{name: getattr(key, name) for name in names} for key in transact(api_keys.listed, data_dir)]
    for key in keys:
        key["scopes"] = " ".join(sorted(key["scopes"]))
        key["recipients"] = None if key["recipients"] is None else " ".join(key["recipients"])
    terminal.show_rows([name.replace("_", " ") for name in names], keys, as_json=as_json)


@app.command()
def revoke(key_id: KeyId, data_dir: DataDir = None) -> None:
    """Revoke a key. It stops working within seconds."""
    if not transact(lambda connection: api_keys.revoke(connection, key_id), data_dir):
        raise _no_key(key_id)
    terminal.say(f"Key {key_id} is revoked.")


@app.command()
def rotate_webhook_secret(key_id: KeyId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Replace a key's webhook secret, and show the new one once. Both sign the webhooks of the next 24 hours."""
    secret, hours = webhooks.new_secret(), webhooks.OLD_SECRET_HOURS
    if not transact(
        lambda connection: api_keys.rotate_webhook_secret(connection, key_id, secret, hours=hours), data_dir
    ):
        raise _no_key(key_id)
    if as_json:
        terminal.say_json({"id": key_id, "webhook_secret": secret})
        return
    terminal.say(secret)
    terminal.hint(f"The webhook secret of key {key_id}; it cannot be shown again. The old one signs too for {hours} h.")


def _no_key(key_id: int) -> PrecieuxError:
    return PrecieuxError(f"There is no valid key {key_id}: see `precieux keys list`.")
