"""The file of a backup gets its name when it is complete."""

from pathlib import Path

import pytest

from precieux.installation import backup
from shared.common.service.errors import ConfigurationError, PrecieuxError


def test_a_second_backup_leaves_the_draft_of_the_first(tmp_path: Path) -> None:
    target = tmp_path / "backup.tar.gz"
    with backup._new_file(target) as first:
        with pytest.raises(ConfigurationError, match=r"\.part exists: .* If none is running, remove it"):
            backup._new_file(target).__enter__()
        first.write(b"whole")
        assert not target.exists()
    assert target.read_bytes() == b"whole"
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_a_failed_backup_leaves_no_draft(tmp_path: Path) -> None:
    with pytest.raises(PrecieuxError, match="No space left"), backup._new_file(tmp_path / "backup.tar.gz"):
        raise OSError(28, "No space left on device")
    with pytest.raises(PrecieuxError, match="cannot be written"), backup._new_file(tmp_path / "missing/backup.tar.gz"):
        pass
    assert not list(tmp_path.iterdir())
