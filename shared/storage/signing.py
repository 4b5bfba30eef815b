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
        return _signature(self._secret, _of_file(key, expires))

    def verifies(self, key: str, *, expires: int, signature: str, now: float) -> bool:
        """Return True if `signature` is valid for this key and expiry, and has not expired. Takes constant time."""
        return self._is_ours(_of_file(key, expires), signature) and now < expires

    def page_link(self, upload: int, *, expires: int) -> str:
        """Return a link to a submission's page for its recipient."""
        signature = _signature(self._secret, _of_page(upload, expires))
        return f"{self.public_url}/pages/{upload}?expires={expires}&signature={signature}"

    def verifies_page(self, upload: int, *, expires: int, signature: str, now: float) -> bool:
        """Return True if `signature` is valid for this submission and expiry, and has not expired."""
        return self._is_ours(_of_page(upload, expires), signature) and now < expires

    def artifact_link(self, upload: int, run: int, name: str, *, expires: int) -> str:
        """Return a link to a file that a run of a submission wrote, for its recipient. It opens all files of this run.

        That of the page does not, because a later run may be for other eyes.
        """
        signature = _signature(self._secret, _of_run(upload, run, expires))
        path = f"{self.public_url}/pages/{upload}/artifacts/{quote(name, safe='')}"
        return f"{path}?run={run}&expires={expires}&signature={signature}"

    def verifies_run(self, upload: int, run: int, *, expires: int, signature: str, now: float) -> bool:
        """Return True if `signature` is valid for the files of this run and expiry, and has not expired."""
        return self._is_ours(_of_run(upload, run, expires), signature) and now < expires

    def unsubscribe_link(self, email: str) -> str:
        signature = _signature(self._secret, _of_unsubscribing(email))
        return f"{self.public_url}/unsubscribe?email={quote(email, safe='')}&signature={signature}"

    def verifies_unsubscribe(self, email: str, *, signature: str) -> bool:
        return self._is_ours(_of_unsubscribing(email), signature)

    def seal(self, purpose: str, text: str) -> str:
        """Return the text with a signature, in characters that a URL may hold unchanged."""
        encoded = _encoded(text.encode())
        return f"{encoded}.{_signature(self._secret, _of_sealed(purpose, encoded))[:_SEAL]}"

    def unseal(self, purpose: str, sealed: str) -> str | None:
        """Return the text that `seal` has signed for this purpose; None if it is not ours."""
        encoded, _, signature = sealed.partition(".")
        matches = [
            _equal(_signature(secret, _of_sealed(purpose, encoded))[:_SEAL], signature) for secret in self._valid
        ]
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode() if any(matches) else None

    def _is_ours(self, message: str, signature: str) -> bool:
        # All are tried, so that the time does not reveal which one matches.
        matches = [_equal(_signature(secret, message), signature) for secret in self._valid]
        return any(matches)


def _of_file(key: str, expires: int) -> str:
    # The expiry comes first and holds no newline, so no other pair gives the same message.
    return f"files\n{expires}\n{key}"


def _of_page(upload: int, expires: int) -> str:
    return f"page\n{expires}\n{upload}"


def _of_run(upload: int, run: int, expires: int) -> str:
    return f"run\n{expires}\n{upload}\n{run}"


def _of_sealed(purpose: str, encoded: str) -> str:
    return f"sealed {purpose}\n{encoded}"


def _of_unsubscribing(email: str) -> str:
    return f"unsubscribe\n{email}"


def _signature(secret: bytes, message: str) -> str:
    digest = hmac.digest(secret, message.encode(errors="replace"), hashlib.sha256)
    return _encoded(digest)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _equal(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode(errors="replace"))
