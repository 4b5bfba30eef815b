"""How a prebuilt file is stored."""

import os
from dataclasses import replace
from pathlib import Path

from executor.catalogue import Installed
from executor.languages import known
from executor.languages.base import Library
from executor.warm import prebuilt


def test_a_stored_file_is_replaced_and_other_users_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "java" / "start.jar"
    umask = os.umask(0o077)
    try:
        prebuilt.store(file, b"old")
        prebuilt.store(file, b"new")
    finally:
        os.umask(umask)
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o644
    assert os.listdir(file.parent) == ["start.jar"]


def test_files_are_built_again_for_other_libraries() -> None:
    """Java ignores an archive of classes that was made with other libraries on the class path."""
    java = Installed(known()["java"], {}, "21")
    libraries = [(), (Library("gson", "2.10", ()),), (Library("gson", "2.11", ()),)]
    folders = {prebuilt.folder_of(replace(java, libraries=one)) for one in libraries}
    assert len(folders) == 3
