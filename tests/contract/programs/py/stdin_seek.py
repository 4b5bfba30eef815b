import sys

print(sys.stdin.seekable(), sys.stdin.readline(), sys.stdin.tell() >= 0, sys.stdin.seek(0), sys.stdin.readline())
