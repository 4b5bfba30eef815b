import socket
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.settimeout(2)
        try:
            s.connect(("127.0.0.1", @PORT@))
            s.sendall(b"knock")
            if kind == socket.SOCK_STREAM:
                print("ESCAPED")
        except OSError:
            pass
print("HELD")
