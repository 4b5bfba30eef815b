"""The image of a row's containers, as it is made in a machine."""

from tests.hosts.container import Container


def test_no_mount_hides_dockers_init() -> None:
    container = Container("docker", ())
    (make,) = (command for command in container.prepare if " import " in command)
    folders, copies = (
        line.split() for word in ("mkdir -p", "cp -a /bin") for line in make.splitlines() if word in line
    )

    assert "/usr:/usr:ro" in container.prefix
    assert "sbin" in folders
    assert "/sbin" not in copies
