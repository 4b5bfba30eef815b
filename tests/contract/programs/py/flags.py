import sys

print(sys.flags, sys.dont_write_bytecode, sys.warnoptions, sys.getrecursionlimit(), sys.getswitchinterval())
print(sys.path)
