import socket
names = [name for _, name in socket.if_nameindex()]
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 9))
    names.append("sent")
except OSError:
    pass
try:
    names.append(socket.getaddrinfo("example.com", 80))
except OSError:
    pass
print("HELD" if names == ["lo"] else f"ESCAPED {names}")
