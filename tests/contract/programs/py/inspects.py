import inspect


def f(a, b=1):
    """Doc."""
    return inspect.currentframe().f_lineno


print(inspect.getsource(f), inspect.signature(f), f(1))
