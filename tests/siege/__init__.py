"""Attackers and honest clients use one whole system for a while: `make siege MINUTES=30`."""
