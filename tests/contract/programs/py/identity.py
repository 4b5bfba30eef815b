import sys

print(__name__, __file__, sys.argv, __doc__, __package__, __spec__, __builtins__.__name__)
print(sorted(globals()))
print(__loader__.name, __loader__.path, sys.path[0], sys.orig_argv, sys.executable)
print(sys.modules["__main__"].__dict__ is globals(), type(sys.modules["__main__"]).__name__)
