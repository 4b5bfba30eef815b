"""The mechanisms of a host that the sandbox may use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from executor.sandbox.wall.cgroups import Cgroups, NotTaken
from executor.sandbox.wall.subordinate import Subordinates


@dataclass(frozen=True)
class Mechanisms:
    """The bubblewrap, user ids, cgroups and folders of this host. `executor.host` finds them at the start."""

    bubblewrap: Path
    privileged: bool
    first_user: int | None
    cgroups: Cgroups | None
    headers: Path | None = None
    runtimes: Path | None = None
    #: Folders of libraries on the host, by their paths in a box.
    libraries: Mapping[str, Path] = field(default_factory=dict)
    #: Where the sandbox's C part is compiled if the one that came with Precieux does not work here.
    init: Path | None = None
    subordinates: Subordinates | None = None
    #: Why programs have no users of their own, and what to do about it.
    why_shared: str = ""
    #: Why this bubblewrap is used, if it is not the system's.
    why_bubblewrap: str = ""
    #: Why limits are sampled, if there are no cgroups.
    why_sampled: NotTaken | None = None

    @property
    def own_users(self) -> bool:
        """True if each box has a user of its own; False if all boxes run as the executor's user."""
        return self.first_user is not None

    @property
    def by_number(self) -> bool:
        """True if only numbers bound what programs take: they share a user, or no cgroup counts their memory."""
        return not self.own_users or self.cgroups is None
