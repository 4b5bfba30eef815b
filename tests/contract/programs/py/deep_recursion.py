import sys


def down(n):
    return n if n == 0 else 1 + down(n - 1)


print(down(900))
sys.setrecursionlimit(100_000)
print(down(50_000))
try:
    down(10_000_000)
except RecursionError as error:
    print(error)
