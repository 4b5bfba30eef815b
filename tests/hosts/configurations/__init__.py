"""Lists of hosts that people have. To test another host, add it to one of these lists."""

from typing import Final

from tests.hosts.configurations.containers import CONTAINERS
from tests.hosts.configurations.logins import LOGINS
from tests.hosts.configurations.namespaces import NAMESPACES
from tests.hosts.configurations.units import UNITS

CONFIGURATIONS: Final = (*LOGINS, *NAMESPACES, *UNITS, *CONTAINERS)
