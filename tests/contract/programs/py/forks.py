import os
import sys

print("before", flush=True)
child = os.fork()
if child == 0:
    print("child")
    sys.exit(5)
print("status", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
