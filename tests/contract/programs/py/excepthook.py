import sys

sys.excepthook = lambda kind, value, traceback: print("hook", kind.__name__, value, traceback.tb_lineno)
raise ValueError("x")
