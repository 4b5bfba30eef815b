"""How a prebuilt file is stored."""

import os
from pathlib import Path

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
