"""Signs links. Anyone who has a link may do one thing with it, without an API key.

    {public_url}/files/{key}?expires=1735689600&signature=<43 characters>     read one object until it expires
    {public_url}/pages/{id}?expires=1735689600&signature=<43 characters>      see one submission's latest output
    {public_url}/pages/{id}/artifacts/{name}?run=1&expires=1735689600&signature=...  see a file that one run wrote
    {public_url}/unsubscribe?email=<address>&signature=<43 characters>        stop the mails to one address

The signature is HMAC-SHA256 (RFC 2104) over the purpose and the values, in unpadded base64url (RFC 4648, section 5).
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

#: Characters of the signature of a sealed text: 96 bits.
_SEAL: Final = 16


class LinkSigner:
    """Signs with `secret`. Signatures made with one of the `old_secrets` are valid as well."""

    def __init__(self, secret: bytes, public_url: str, old_secrets: Sequence[bytes] = ()) -> None:
        self._secret = secret
        self._valid = (secret, *old_secrets)
        self.public_url = public_url.rstrip("/")

    def link(self, key: str, *, expires: int) -> str:
        """Return a link to an object. `expires` is in whole seconds since the epoch."""
        return f"{self.public_url}/files/{quote(key)}?expires={expires}&signature={self.signature(key, expires)}"

    def signature(self, key: str, expires: int) -> str:
        return self._sign("files", expires, key)

    def verifies(self, key: str, *, expires: int, signature: str, now: float) -> bool:
        """Return True if `signature` is valid for this key and expiry, and has not expired. Takes constant time."""
        return self._is_ours(signature, "files", expires, key) and now < expires

    def page_link(self, upload: int, *, expires: int) -> str:
        """Return a link to a submission's page for its recipient."""
        signature = self._sign("page", expires, upload)
        return f"{self.public_url}/pages/{upload}?expires={expires}&signature={signature}"

    def verifies_page(self, upload: int, *, expires: int, signature: str, now: float) -> bool:
        """Return True if `signature` is valid for this submission and expiry, and has not expired."""
        return self._is_ours(signature, "page", expires, upload) and now < expires

    def artifact_link(self, upload: int, run: int, name: str, *, expires: int) -> str:
        """Return a link to a file that a run of a submission wrote, for its recipient. It opens all files of this run.

        That of the page does not, because a later run may be for other eyes.
        """
        signature = self._sign("run", expires, upload, run)
        path = f"{self.public_url}/pages/{upload}/artifacts/{quote(name, safe='')}"
        return f"{path}?run={run}&expires={expires}&signature={signature}"

    def verifies_run(self, upload: int, run: int, *, expires: int, signature: str, now: float) -> bool:
        """Return True if `signature` is valid for the files of this run and expiry, and has not expired."""
        return self._is_ours(signature, "run", expires, upload, run) and now < expires

    def unsubscribe_link(self, email: str) -> str:
        signature = self._sign("unsubscribe", email)
        return f"{self.public_url}/unsubscribe?email={quote(email, safe='')}&signature={signature}"

    def verifies_unsubscribe(self, email: str, *, signature: str) -> bool:
        return self._is_ours(signature, "unsubscribe", email)

    def seal(self, purpose: str, text: str) -> str:
        """Return the text with a signature, in characters that a URL may hold unchanged."""
        encoded = _encoded(text.encode())
        return f"{encoded}.{self._sign(f'sealed {purpose}', encoded)[:_SEAL]}"

    def unseal(self, purpose: str, sealed: str) -> str | None:
        """Return the text that `seal` has signed for this purpose; None if it is not ours."""
        encoded, _, signature = sealed.partition(".")
        is_ours = self._is_ours(signature, f"sealed {purpose}", encoded, length=_SEAL)
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode() if is_ours else None

    def _sign(self, purpose: str, *values: object) -> str:
        return _signature(self._secret, purpose, values)

    def _is_ours(self, signature: str, purpose: str, *values: object, length: int | None = None) -> bool:
        # All are tried, so that the time does not reveal which one matches.
        signatures = [_signature(secret, purpose, values)[:length].encode() for secret in self._valid]
        matches = [hmac.compare_digest(ours, signature.encode(errors="replace")) for ours in signatures]
        return any(matches)


def _signature(secret: bytes, purpose: str, values: Sequence[object]) -> str:
    # A text of a stranger's comes last, and what is before it holds no newline. So no others give the same message.
    message = "\n".join((purpose, *map(str, values)))
    return _encoded(hmac.digest(secret, message.encode(errors="replace"), hashlib.sha256))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
