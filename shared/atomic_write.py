"""Writes a file so that readers see the old content or the new one, never a part, even after a power cut."""

import contextlib
import os
import secrets


def write_atomically(folder: int, name: str, data: bytes) -> None:
    """Replace the file `name` in `folder`, an open descriptor: write a draft, fsync(2), rename(2), fsync the folder.

    Only the owner can read the file. The draft's name begins with a dot. There are few system calls, because this
    runs in a thread, which waits for the interpreter's lock after each of them.
    """
    draft = f".{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        file = os.open(draft, flags, 0o600, dir_fd=folder)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(file, left) :]
            os.fsync(file)
        finally:
            os.close(file)
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=folder)
        raise
    os.fsync(folder)
