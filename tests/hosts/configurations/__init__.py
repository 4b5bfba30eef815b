"""The hosts that people have, as lists. To try another one, add it to one of them."""

from typing import Final

from tests.hosts.configurations.containers import CONTAINERS
from tests.hosts.configurations.logins import LOGINS
from tests.hosts.configurations.namespaces import NAMESPACES
from tests.hosts.configurations.units import UNITS

CONFIGURATIONS: Final = (*LOGINS, *NAMESPACES, *UNITS, *CONTAINERS)
