"""Links that the API serves without asking who comes: whoever holds one may do that one thing.

    {public_url}/files/{key}?expires=1735689600&signature=<43 characters>     read one object until it expires
    {public_url}/unsubscribe?email=<address>&signature=<43 characters>        stop the mails to one address

The signature is HMAC-SHA256 (RFC 2104) over the purpose and what follows, in unpadded base64url (RFC 4648, section 5).
Pure: the clock is the caller's.
"""

import base64
import hashlib
import hmac
from urllib.parse import quote


class LinkSigner:
    def __init__(self, secret: bytes, public_url: str) -> None:
        self._secret = secret
        self._base = public_url.rstrip("/")

    def link(self, key: str, *, expires: int) -> str:
        """`expires` is in whole seconds since the epoch."""
        return f"{self._base}/files/{quote(key)}?expires={expires}&signature={self.signature(key, expires)}"

    def signature(self, key: str, expires: int) -> str:
        # The expiry comes first and holds no newline, so no other pair of the two spells the same message.
        return self._sign(f"files\n{expires}\n{key}")

    def verifies(self, key: str, *, expires: int, signature: str, now: float) -> bool:
        """Whether `signature` is ours for this key and expiry, and has not expired; in constant time."""
        return _equal(self.signature(key, expires), signature) and now < expires

    def unsubscribe_link(self, email: str) -> str:
        return f"{self._base}/unsubscribe?email={quote(email, safe='')}&signature={self._sign_unsubscribe(email)}"

    def verifies_unsubscribe(self, email: str, *, signature: str) -> bool:
        return _equal(self._sign_unsubscribe(email), signature)

    def _sign_unsubscribe(self, email: str) -> str:
        return self._sign(f"unsubscribe\n{email}")

    def _sign(self, message: str) -> str:
        digest = hmac.digest(self._secret, message.encode(errors="replace"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _equal(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode(errors="replace"))
