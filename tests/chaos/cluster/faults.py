"""The faults of the cluster: hosts that die, freeze, lose power or are cut off, and dependencies that misbehave."""

from collections.abc import Callable, Iterator
from typing import Final

from tests.chaos.cluster.world import World
from tests.chaos.fault import Fault
from tests.chaos.proxy import Mode
from tests.fixtures.rabbitmq_server import RabbitMQServer

#: Seconds that a fault lasts if only its silence shows it.
_LONG: Final = (8.0, 20.0)
#: Seconds that a process is frozen: longer than its leases, and longer than others wait for it.
_ZOMBIE: Final = (60.0, 90.0)
#: Seconds by which a clock is wrong.
_WRONG: Final = 120

Act = Callable[[World], object]


def menu(world: World) -> list[Fault[World]]:
    """Return every fault."""
    # The faults of the database are repeated, so that they are chosen as often as those of the many services.
    databases = [*_of_databases()] * 2
    machines = [*_of_links(world), *_of_clocks(world), *_of_disks(), _power_of_all(world)]
    return [*_of_services(world), *_of_splits(world), *databases, *_of_brokers(world), *machines, *_of_outside()]


def _of_services(world: World) -> Iterator[Fault[World]]:
    for name in world.services:
        yield Fault(f"{name} killed", name, _on_service(name, "kill"))
        yield Fault(f"{name} frozen", name, _on_service(name, "freeze"), _on_service(name, "thaw"), seconds=_ZOMBIE)


def _of_splits(world: World) -> Iterator[Fault[World]]:
    for name in world.services:
        for others, what in (("db-", "the database"), ("mq-", "the broker")):
            if name.startswith("runner") and others == "mq-":
                continue  # it does not use the broker
            yield Fault(f"{name} split from {what}", "network", _split(name, others), _mend, seconds=_LONG)


def _of_databases() -> Iterator[Fault[World]]:
    yield Fault("primary killed, standby promoted", "database", _kill_primary, _restore, seconds=_LONG)
    yield Fault("primary killed, started again", "database", lambda w: w.database.primary.kill(), _restore)
    yield Fault("primary cut off, standby promoted", "database", _cut_off_primary, _restore, seconds=_LONG)
    yield Fault("standby cut off, then primary killed", "database", _part, _kill_and_promote, seconds=(5.0, 12.0))
    yield Fault("standby gone", "database", lambda w: w.database.standby.kill(), _restore, seconds=_LONG)

    yield Fault("primary lost its power, standby promoted", "database", _primary_without_power, _restore, seconds=_LONG)
    yield Fault("both databases lost their power", "database", _databases_without_power, _restore, seconds=(2.0, 8.0))


def _of_brokers(world: World) -> Iterator[Fault[World]]:
    for number, name in enumerate(name for name in world.hosts if name.startswith("mq-")):
        yield Fault(f"{name} killed", "broker", _on_node(number, "kill"), _on_node(number, "start"), seconds=_LONG)
        yield Fault(f"{name} frozen", "broker", _on_node(number, "freeze"), _on_node(number, "thaw"), seconds=_LONG)
        yield Fault(f"{name} cut off", "broker", _split(name, ""), _mend, seconds=_LONG)
        yield Fault(f"{name} lost its power", "broker", _node_without_power(number), _start_nodes, seconds=_LONG)
    yield Fault("two of three nodes killed", "broker", _kill_two_nodes, _start_nodes, seconds=_LONG)
    yield Fault("all nodes of the broker lost their power", "broker", _broker_without_power, _start_nodes)


def _of_links(world: World) -> Iterator[Fault[World]]:
    for name in world.hosts:
        yield Fault(f"{name} on a slow link", "network", _slow(name), _mend, seconds=_LONG)


def _of_clocks(world: World) -> Iterator[Fault[World]]:
    for name in world.clocks:
        if name.startswith("mq"):
            continue  # they measure durations only
        part = "database" if name.startswith("db-") else name
        for seconds, what in ((_WRONG, "ahead"), (-_WRONG, "behind")):
            set_, right = _shift(name, seconds), _shift(name, 0)
            yield Fault(f"{name}'s clock two minutes {what}", part, set_, right, seconds=_LONG)


def _of_disks() -> Iterator[Fault[World]]:
    yield Fault("disk of the primary full", "database", _fill_primary, _free_primary, seconds=_LONG)
    yield Fault("disk of the standby full", "database", _fill_standby, _free_standby, seconds=_LONG)
    yield Fault("disk of a node of the broker full", "broker", _fill_node, _free_node, seconds=_LONG)


def _power_of_all(world: World) -> Fault[World]:
    parts = {"database", "broker", "network", *world.services}
    return Fault("all machines lost their power", "power", _all_without_power, _repower_all, frozenset(parts))


def _of_outside() -> Iterator[Fault[World]]:
    for mode in (Mode.BUSY, Mode.HALF, Mode.REFUSE, Mode.HANG):
        yield Fault(f"store: {mode}", "store", _set("store", mode), _set("store", Mode.PASS), seconds=(2.0, 8.0))
    for name in ("engine", "mail", "receiver"):
        yield Fault(f"{name}: {Mode.REFUSE}", name, _set(name, Mode.REFUSE), _set(name, Mode.PASS))
    yield Fault("mail: 500 but accepted", "mail", lambda w: w.mailgun.fail(500, times=3, accepts=True))


def _on_service(name: str, action: str) -> Act:
    return lambda world: getattr(world.services[name], action)()


def _on_node(number: int, action: str) -> Act:
    return lambda world: getattr(world.nodes[number], action)()


def _set(name: str, mode: Mode) -> Act:
    return lambda world: world.proxies[name].set(mode)


def _slow(name: str) -> Act:
    return lambda world: world.network.slow(world.hosts[name])


def _split(name: str, others: str) -> Act:
    """Cut a host off from those whose names begin with `others`. This process still reaches it."""

    def split(world: World) -> None:
        there = [host for each, host in world.hosts.items() if each.startswith(others) and each != name]
        world.network.split(world.hosts[name], *there)

    return split


def _mend(world: World) -> None:
    world.network.mend()


def _kill_primary(world: World) -> None:
    world.database.primary.kill()
    world.database.promote()


def _part(world: World) -> None:
    """Split the two servers, so that the standby falls behind. A commit that it lacks must not be confirmed."""
    one, other = (host for name, host in world.hosts.items() if name.startswith("db-"))
    world.network.split(one, other)


def _kill_and_promote(world: World) -> None:
    _kill_primary(world)
    _restore(world)


def _cut_off_primary(world: World) -> None:
    """Cut the primary off, but leave it running. It must not confirm a commit that the new primary lacks."""
    host = next(host for host in world.hosts.values() if host.address == world.database.primary.host)
    world.network.split(host, *(other for other in world.hosts.values() if other != host))
    world.database.promote()


def _restore(world: World) -> None:
    if world.database.standby.running:
        world.database.standby.kill()
    world.network.mend()
    world.database.restore()


def _primary_without_power(world: World) -> None:
    world.cut_power_of_database(world.database.primary)
    world.database.promote()


def _databases_without_power(world: World) -> None:
    for node in (world.database.primary, world.database.standby):
        world.cut_power_of_database(node)


def _node_without_power(number: int) -> Act:
    return lambda world: world.cut_power_of_node(number)


def _broker_without_power(world: World) -> None:
    for number in range(len(world.nodes)):
        world.cut_power_of_node(number)


def _all_without_power(world: World) -> None:
    for service in world.services.values():
        service.kill()
    _databases_without_power(world)
    _broker_without_power(world)


def _repower_all(world: World) -> None:
    _restore(world)
    _start_nodes(world)


def _kill_two_nodes(world: World) -> None:
    for node in world.nodes[:2]:
        node.kill()


def _start_nodes(world: World) -> None:
    # All at once, because a node waits for the others.
    for node in world.nodes:
        node.launch()
    for node in world.nodes:
        _await_node(node)


def _await_node(node: RabbitMQServer) -> None:
    """Wait until a node serves. If it has just ended because its disk was full, start it again, as systemd does."""
    try:
        node.await_ready()
    except RuntimeError:
        if node.is_running:
            raise
        node.start()


def _shift(name: str, seconds: int) -> Act:
    return lambda world: world.clocks[name].shift(seconds)


def _fill_primary(world: World) -> None:
    world.disk_of(world.database.primary).fill()


def _free_primary(world: World) -> None:
    world.disk_of(world.database.primary).free()
    world.database.primary.start()
    _restore(world)


def _fill_standby(world: World) -> None:
    world.disk_of(world.database.standby).fill()


def _free_standby(world: World) -> None:
    world.disk_of(world.database.standby).free()
    _restore(world)


def _fill_node(world: World) -> None:
    world.disks["mq-1"].fill()


def _free_node(world: World) -> None:
    world.disks["mq-1"].free()
    _start_nodes(world)
