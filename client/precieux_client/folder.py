"""Reads the files of a program from a folder."""

import os
from pathlib import Path, PurePath


def read_folder(folder: str | os.PathLike[str]) -> dict[str, bytes]:
    """Return the content of all files below a folder, by their paths in it. Hidden files are left out.

    Symbolic links are left out too, since they may lead to files outside the folder.
    """
    root = Path(folder)
    files = {}
    for path in sorted(root.rglob("*")):
        name = PurePath(path.relative_to(root))
        if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in name.parts):
            files[name.as_posix()] = path.read_bytes()
    return files
