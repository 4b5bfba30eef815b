import sys

print([name for name in sys.modules if "executor" in name or "precieux" in name])
try:
    import executor
except ImportError as error:
    print(error)
