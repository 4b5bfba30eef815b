"""The modules that services share, as they are forks of this process (ADR 38)."""

import gc
from importlib import import_module
from typing import Final

#: What at least two services use. `databases` would load its backend when it connects.
_SHARED: Final = (
    "databases.backends.postgres",
    "shared.adapters.broker",
    "shared.adapters.database.schema",
    "shared.records.operations.health",
    "shared.common.service.lifecycle",
    "shared.adapters.storage",
    "shared.records.messages.templates",
    "shared.records.messages.translations",
)


def load_shared() -> None:
    """Load the modules that services share. Services that are forked later start sooner and take less memory."""
    for name in _SHARED:
        import_module(name)
    # The garbage collector would write to all these objects, and so each service would get a copy of them.
    gc.collect()
    gc.freeze()
