"""The faults of the cluster: hosts that die, freeze, or are cut off, and dependencies that misbehave."""

from collections.abc import Callable, Iterator
from typing import Final

from tests.chaos.cluster.world import World
from tests.chaos.fault import Fault
from tests.chaos.proxy import Mode

#: Seconds that a fault lasts if only its silence shows it.
_LONG: Final = (8.0, 20.0)
#: Seconds that a process is frozen: longer than its leases, and longer than others wait for it.
_ZOMBIE: Final = (60.0, 90.0)

Act = Callable[[World], object]


def menu(world: World, *, zombies: bool = True) -> list[Fault[World]]:
    """Return every fault. With `zombies`, include those that last a minute or more."""
    # The faults of the database are repeated, so that they are chosen as often as those of the many services.
    databases = [*_of_databases()] * 3
    faults = [*_of_services(world), *_of_splits(world), *databases, *_of_brokers(world), *_of_outside()]
    return [fault for fault in faults if zombies or fault.seconds != _ZOMBIE]


def _of_services(world: World) -> Iterator[Fault[World]]:
    for name in world.services:
        yield Fault(f"{name} killed", name, _on_service(name, "kill"))
        yield Fault(f"{name} frozen", name, _on_service(name, "freeze"), _on_service(name, "thaw"), seconds=_ZOMBIE)
        yield Fault(f"{name} on a bad link", name, _slow(name), _mend, seconds=_LONG)


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


def _of_brokers(world: World) -> Iterator[Fault[World]]:
    for number, name in enumerate(name for name in world.hosts if name.startswith("mq-")):
        yield Fault(f"{name} killed", "broker", _on_node(number, "kill"), _on_node(number, "start"), seconds=_LONG)
        yield Fault(f"{name} frozen", "broker", _on_node(number, "freeze"), _on_node(number, "thaw"), seconds=_LONG)
        yield Fault(f"{name} cut off", "broker", _split(name, ""), _mend, seconds=_LONG)


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
