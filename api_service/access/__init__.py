"""Decides who may do what, by keys, by requests from this machine, and by allowed recipients."""
