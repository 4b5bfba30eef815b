"""The Piston v2 front door: clients of Piston run programs by it, as if this server were one.

It translates Piston's calls to the use cases of API v1. `docs/from-piston.md` says what a client notices.
"""

from api_service.piston.app import PATH, add_to, refusing
from api_service.piston.settings import PistonSettings

__all__ = ["PATH", "PistonSettings", "add_to", "refusing"]
