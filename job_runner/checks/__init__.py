"""Checks of packages: the validators on the data, the results of the jury, the time limit, and the report."""
