import os
others = [pid for pid in os.listdir("/proc") if pid.isdigit() and pid not in ("1", str(os.getpid()))]
print("HELD" if not others else f"ESCAPED {others}")
