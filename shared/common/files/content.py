"""The content of a file that is written."""

from typing import BinaryIO

#: Bytes, or a file that is read from its beginning in pieces.
Content = bytes | BinaryIO
