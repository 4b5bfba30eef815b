import sys

print(input("one? "), sys.stdin.readline(), next(sys.stdin), sys.stdin.read(3), sys.stdin.buffer.read(2))
print(open("/dev/stdin").read(5))
print([line for line in sys.stdin])
try:
    input()
except EOFError as error:
    print("end:", error)
