"""Signs links. Anyone who has a link may do one thing with it, without an API key.

    {public_url}/files/{key}?expires=1735689600&signature=<43 characters>     read one object until it expires
    {public_url}/unsubscribe?email=<address>&signature=<43 characters>        stop the mails to one address

The signature is HMAC-SHA256 (RFC 2104) over the purpose and the values, in unpadded base64url (RFC 4648, section 5).
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import quote


class LinkSigner:
    """Signs with `secret`. Signatures made with one of the `old_secrets` are valid as well."""

    def __init__(self, secret: bytes, public_url: str, old_secrets: Sequence[bytes] = ()) -> None:
        self._secret = secret
        self._valid = (secret, *old_secrets)
        self._base = public_url.rstrip("/")

    def link(self, key: str, *, expires: int) -> str:
        """Return a link to an object. `expires` is in whole seconds since the epoch."""
        return f"{self._base}/files/{quote(key)}?expires={expires}&signature={self.signature(key, expires)}"

    def signature(self, key: str, expires: int) -> str:
        return _signature(self._secret, _of_file(key, expires))

    def verifies(self, key: str, *, expires: int, signature: str, now: float) -> bool:
        """Return True if `signature` is valid for this key and expiry, and has not expired. Takes constant time."""
        return self._is_ours(_of_file(key, expires), signature) and now < expires

    def unsubscribe_link(self, email: str) -> str:
        signature = _signature(self._secret, _of_unsubscribing(email))
        return f"{self._base}/unsubscribe?email={quote(email, safe='')}&signature={signature}"

    def verifies_unsubscribe(self, email: str, *, signature: str) -> bool:
        return self._is_ours(_of_unsubscribing(email), signature)

    def _is_ours(self, message: str, signature: str) -> bool:
        # All are tried, so that the time does not reveal which one matches.
        given = signature.encode(errors="replace")
        matches = [hmac.compare_digest(_signature(secret, message).encode(), given) for secret in self._valid]
        return any(matches)


def _of_file(key: str, expires: int) -> str:
    # The expiry comes first and holds no newline, so no other pair gives the same message.
    return f"files\n{expires}\n{key}"


def _of_unsubscribing(email: str) -> str:
    return f"unsubscribe\n{email}"


def _signature(secret: bytes, message: str) -> str:
    digest = hmac.digest(secret, message.encode(errors="replace"), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
