import contextvars
import sys

print(sys.exc_info(), list(contextvars.copy_context()))
try:
    raise ValueError("x")
except ValueError as error:
    print(error.__context__, error.__cause__)
