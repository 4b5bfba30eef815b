import sys

print("out")
print("err", file=sys.stderr)
sys.stderr.write("partial")
sys.stdout.write("tail")
