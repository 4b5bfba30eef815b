"""`precieux languages`: the languages of a server."""

from precieux import terminal
from precieux.commands import show
from precieux.commands.options import Json, on_server
from precieux.installation.server import Server


@on_server
def languages(server: Server, as_json: Json = False) -> None:
    """List the languages in which a program can be sent."""
    found = server.connect().languages()
    if as_json:
        terminal.say_json(show.plain(found))
        return
    rows = [
        (one.code, one.name, one.version, one.released, " ".join(one.extensions), ", ".join(one.aliases))
        for one in found
    ]
    terminal.show_table(("code", "name", "version", "year", "files", "also called"), rows, whole={"code"})
