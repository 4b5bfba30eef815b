"""The image of a row's containers, as it is made in a machine."""

from tests.hosts.container import Container


def test_dockers_init_is_not_mounted_into_a_folder_that_a_mount_hides() -> None:
    container = Container("docker", ())
    (make,) = (command for command in container.prepare if " import " in command)
    folders, copies = (
        line.split() for word in ("mkdir -p", "cp -a /bin") for line in make.splitlines() if word in line
    )

    assert "/usr:/usr:ro" in container.prefix
    assert "sbin" in folders
    assert "/sbin" not in copies
