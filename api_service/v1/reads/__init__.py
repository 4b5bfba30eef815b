"""Reads what answers show: pages of submissions, stored outputs, results of runs."""
