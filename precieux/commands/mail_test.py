"""`precieux mail test`: sends a test mail through the configured provider, and checks the DNS records of its sender."""

import json
import os
import subprocess
from collections.abc import Mapping
from email.utils import parseaddr
from typing import Annotated, Any, Final

import typer

from precieux import terminal
from precieux.commands.options import DataDir, Json
from precieux.mail import dns_records
from precieux.mail.dns_records import RecordCheck
from precieux.up import services
from precieux.up.settings import load_up_settings
from shared.common.service.errors import PrecieuxError
from shared.records.messages.translations import LOCALES, SOURCE_LOCALE

_PROVIDERS: Final = {"mailgun": "Mailgun, domain", "smtp": "the SMTP server", "files": "a file in"}


def _known_locale(locale: str) -> str:
    if locale not in LOCALES:
        raise typer.BadParameter(f"there are mails in {', '.join(LOCALES)} only")
    return locale


def mail_test(
    address: Annotated[str, typer.Argument(help="Who gets the mail.")],
    locale: Annotated[
        str, typer.Option(callback=_known_locale, autocompletion=lambda: [*LOCALES], help="Language of the mail.")
    ] = SOURCE_LOCALE,
    dkim_selector: Annotated[
        list[str] | None, typer.Option(help="Selector of a DKIM key of the provider; may be repeated.")
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Send a test mail through the configured provider, and check SPF, DKIM and DMARC of its sender."""
    sent = _send(address, locale, os.environ | {"PRECIEUX_DATA_DIR": str(load_up_settings(data_dir=data_dir).data_dir)})
    checks = _checks(sent, dkim_selector or [])
    if as_json:
        rows = [{"check": check.subject, "state": check.state, "hint": check.hint} for check in checks]
        terminal.say_json({**sent, "checks": rows})
    else:
        _show(sent, checks)
    if sent["error"] is not None:
        raise PrecieuxError(f"The test mail was not sent. {sent['error']}")


def _send(address: str, locale: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Let the job runner's mailer send the mail, and return what was sent. Exit if a setting is wrong."""
    command = services.command("job_runner.emails.send_test_mail", "--locale", locale, "--", address)
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=False)
    if done.returncode:
        # The program has said why.
        raise typer.Exit(done.returncode)
    sent: dict[str, Any] = json.loads(done.stdout)
    return sent


def _checks(sent: Mapping[str, Any], selectors: list[str]) -> list[RecordCheck]:
    """Return the checks of the mail's sender; none if the mail did not leave this machine."""
    sender, return_path = (parseaddr(sent[name])[1].rpartition("@")[2].lower() for name in ("sender", "return_path"))
    resolver = dns_records.open_resolver()
    if sent["provider"] == "mailgun":
        return list(dns_records.over_mailgun(sent["server"].lower(), sender, selectors, resolver))
    if sent["provider"] == "smtp":
        return list(dns_records.over_smtp(sender, return_path, selectors, resolver))
    return []


def _show(sent: Mapping[str, Any], checks: list[RecordCheck]) -> None:
    fields = {
        "To": sent["recipient"],
        "From": sent["sender"],
        "Subject": sent["subject"],
        "Provider": f"{_PROVIDERS[sent['provider']]} {sent['server']}",
        "Provider's id": sent["answer"],
    }
    terminal.show_table(("field", "value"), [item for item in fields.items() if item[1]], whole=("field",))
    if not checks:
        terminal.hint("No provider is set here, so nothing left this machine and no DNS records were checked.")
        return
    rows = [(check.subject, terminal.styled(check.state), check.hint) for check in checks]
    terminal.show_table(("check", "state", "hint"), rows, whole=("check", "state"))
