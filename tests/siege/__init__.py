"""Attackers and honest clients at one whole system, for as long as one likes: `make siege MINUTES=30`."""
