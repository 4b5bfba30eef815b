import socket
try:
    socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).connect("\0@ABSTRACT@")
    print("ESCAPED")
except OSError:
    print("HELD")
