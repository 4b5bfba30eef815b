"""A simulation of an installation, fed with measured costs (ADR 144)."""
