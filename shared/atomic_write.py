"""Writing a file so that readers, and a power cut, see the old content or the new one, never a part."""

import contextlib
import os
import secrets


def write_atomically(folder: int, name: str, data: bytes) -> None:
    """Write aside, fsync(2) the file, rename(2) it over `name`, fsync the folder (an open descriptor of it).

    The file is for its owner alone. The draft's name begins with a dot. The calls are few and bare: it runs in a
    thread, which waits for the interpreter's lock after each of them.
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
