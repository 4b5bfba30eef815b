"""The languages of this machine: what is installed, and how that is found out at the start."""
