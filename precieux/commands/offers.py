"""`precieux languages` and `precieux usage`: what a server offers to a key."""

from precieux import terminal
from precieux.commands import show
from precieux.commands.options import Json, on_server
from precieux.installation.server import Server


@on_server
def languages(server: Server, as_json: Json = False) -> None:
    """List the languages in which a program can be sent."""
    listed = server.connect().languages()
    show.end_with_json(listed, as_json)
    rows = [
        (item.code, item.name, item.version, item.released, " ".join(item.extensions), ", ".join(item.aliases))
        for item in listed
    ]
    terminal.show_table(("code", "name", "version", "year", "files", "also called"), rows, whole={"code"})


@on_server
def usage(server: Server, as_json: Json = False) -> None:
    """List the budgets of an API key, what is left of each now, and how fast it comes back."""
    limits = server.connect().usage()
    show.end_with_json(limits, as_json)
    if not limits:
        terminal.hint("This key has no budgets: it may use as much as it likes.")
        return
    rows = [
        (
            item.name,
            f"{item.remaining:.0f}",
            f"{item.limit:.0f}",
            item.window_s and _a_minute(item.limit * 60 / item.window_s),
            item.resets_at and terminal.short_date(item.resets_at),
        )
        for item in limits
    ]
    terminal.show_table(("budget", "left now", "at most", "comes back", "all is back"), rows)


def _a_minute(amount: float) -> str:
    return f"{amount:.3g} a minute" if amount < 1000 else f"{amount:.0f} a minute"
