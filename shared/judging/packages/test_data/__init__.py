"""Reads the tests, groups and samples below `data/` of Kattis packages, of both generations. Pure."""
