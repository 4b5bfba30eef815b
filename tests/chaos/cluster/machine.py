"""A machine of the cluster: a host with a disk and a clock of its own."""

from dataclasses import dataclass

from tests.chaos.cluster.clock import Clock
from tests.chaos.cluster.disk import Disk
from tests.chaos.cluster.network import Host


@dataclass(frozen=True, slots=True)
class Machine:
    host: Host
    disk: Disk
    clock: Clock
