import sys


def hook(*what):
    raise TypeError("hook")


sys.excepthook = hook
raise ValueError("x")
