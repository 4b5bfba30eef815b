"""Installs toolchains into the operator's folder, and removes them: `python -m executor.toolchains`."""
