"""`precieux languages` and `precieux usage`: what a server offers to a key."""

from precieux import terminal
from precieux.commands import show
from precieux.commands.options import Json, on_server
from precieux.installation.server import Server


@on_server
def languages(server: Server, as_json: Json = False) -> None:
    """List the languages in which a program can be sent."""
    found = server.connect().languages()
    show.end_with_json(found, as_json)
    rows = [
        (one.code, one.name, one.version, one.released, " ".join(one.extensions), ", ".join(one.aliases))
        for one in found
    ]
    terminal.show_table(("code", "name", "version", "year", "files", "also called"), rows, whole={"code"})


@on_server
def usage(server: Server, as_json: Json = False) -> None:
    """List the budgets of an API key, what is left of each now, and how fast it comes back."""
    found = server.connect().usage()
    show.end_with_json(found, as_json)
    if not found:
        terminal.hint("This key has no budgets: it may use as much as it likes.")
        return
    rows = [
        (
            one.name,
            f"{one.remaining:.0f}",
            f"{one.limit:.0f}",
            one.window_s and _a_minute(one.limit * 60 / one.window_s),
            one.resets_at and terminal.short_date(one.resets_at),
        )
        for one in found
    ]
    terminal.show_table(("budget", "left now", "at most", "comes back", "all is back"), rows)


def _a_minute(amount: float) -> str:
    return f"{amount:.3g} a minute" if amount < 1000 else f"{amount:.0f} a minute"
