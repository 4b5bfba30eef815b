"""The executor on hosts that people have, in virtual machines: see docs/hosts.md."""
