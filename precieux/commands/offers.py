"""`precieux languages` and `precieux usage`: what a server offers, and what a key has used."""

from precieux import terminal
from precieux.commands import show
from precieux.commands.options import Json, on_server
from precieux.server import Server


@on_server
def languages(server: Server, as_json: Json = False) -> None:
    """List the languages in which a program can be sent."""
    found = server.connect().languages()
    if as_json:
        terminal.say_json(show.plain(found))
        return
    rows = [(one.code, one.name, one.version, " ".join(one.extensions), ", ".join(one.aliases)) for one in found]
    terminal.show_table(("code", "name", "version", "files", "also called"), rows, whole={"code"})


@on_server
def usage(server: Server, as_json: Json = False) -> None:
    """List the budgets of an API key, and how much of each is used."""
    found = server.connect().usage()
    if as_json:
        terminal.say_json(show.plain(found))
        return
    if not found:
        terminal.hint("This key has no budgets: it may use as much as it likes.")
        return
    rows = [
        (one.name, f"{one.used:.0f}", f"{one.limit:.0f}", one.resets_at and terminal.short_date(one.resets_at))
        for one in found
    ]
    terminal.show_table(("budget", "used", "of", "free again"), rows)
