"""Links to objects of the local store: whoever holds one may read that one object until it expires.

    {public_url}/files/{key}?expires=1735689600&signature=<43 characters>

The signature is HMAC-SHA256 (RFC 2104) over the expiry and the key, in unpadded base64url (RFC 4648, section 5).
Pure: the clock is the caller's.
"""

import base64
import hashlib
import hmac
from urllib.parse import quote


class LinkSigner:
    def __init__(self, secret: bytes, public_url: str) -> None:
        self._secret = secret
        self._base = public_url.rstrip("/") + "/files/"

    def link(self, key: str, *, expires: int) -> str:
        """`expires` is in whole seconds since the epoch."""
        return f"{self._base}{quote(key)}?expires={expires}&signature={self.signature(key, expires)}"

    def signature(self, key: str, expires: int) -> str:
        # The expiry comes first and holds no newline, so no other pair of the two spells the same message.
        message = f"files\n{expires}\n{key}".encode()
        digest = hmac.digest(self._secret, message, hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def verifies(self, key: str, *, expires: int, signature: str, now: float) -> bool:
        """Whether `signature` is ours for this key and expiry, and has not expired; in constant time."""
        expected = self.signature(key, expires).encode()
        genuine = hmac.compare_digest(expected, signature.encode(errors="replace"))
        return genuine and now < expires
