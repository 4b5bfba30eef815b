"""Rows that several services read and write, and the words for people."""
