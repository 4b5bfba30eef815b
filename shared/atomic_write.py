"""Writing a file so that readers, and a power cut, see the old content or the new one, never a part."""

import contextlib
import os
import secrets


def write_atomically(folder: int, name: str, data: bytes) -> None:
    """Write aside, fsync(2) the file, rename(2) it over `name`, fsync the folder (an open descriptor of it).

    The file is for its owner alone. The draft's name begins with a dot.
    """
    draft = f".{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(draft, flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=folder)
        raise
    os.fsync(folder)
