import asyncio
import fcntl
import mmap
import multiprocessing
import os
import pty
import signal
import socket
import sqlite3
import stat
import subprocess


async def serve():
    async def echo(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"tcp\n")
    print(await reader.readline())
    writer.close()
    server.close()
    received = asyncio.get_running_loop().create_future()

    class Udp(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            received.set_result(data)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Udp, local_addr=("127.0.0.1", 0))
    transport.sendto(b"udp", transport.get_extra_info("sockname"))
    print(await received)
    transport.close()
    process = await asyncio.create_subprocess_exec("/bin/echo", "child", stdout=subprocess.PIPE)
    print((await process.communicate())[0])


asyncio.run(serve())
print(socket.if_nameindex())
base = sqlite3.connect("data.db")
base.execute("PRAGMA journal_mode=WAL")
base.execute("CREATE TABLE t(x)")
base.execute("INSERT INTO t VALUES (1)")
base.commit()
print(base.execute("SELECT * FROM t").fetchall())
with open("lock", "w") as file, open("lock") as other:
    fcntl.flock(file, fcntl.LOCK_EX)
    fcntl.lockf(file, fcntl.LOCK_EX)
    os.fsync(file.fileno())
    file.truncate(4096)
    try:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("locked")
with open("lock", "r+b") as file, mmap.mmap(file.fileno(), 4096) as mapped:
    mapped[:4] = b"data"
    mapped.flush()
    mapped.madvise(mmap.MADV_SEQUENTIAL)
with open("lock", "rb") as file:
    print(file.read(4))
context = multiprocessing.get_context("fork")
ours, theirs = context.Pipe()
process = context.Process(target=theirs.send, args=("process",))
process.start()
print(ours.recv())
process.join()
first, second = socket.socketpair()
socket.send_fds(first, [b"x"], [0])
print(len(socket.recv_fds(second, 1, 1)[1]))
print(subprocess.run(["sh", "-c", "ulimit -n 50; echo shell"], capture_output=True))
os.mkfifo("fifo")
writer = subprocess.Popen(["sh", "-c", "echo through a named pipe > fifo"])
with open("fifo") as fifo:
    print(fifo.read(), end="", flush=True)
writer.wait()
os.mknod("plain", 0o100600)
os.mknod("socket", 0o140600)
print([stat.filemode(os.stat(name).st_mode) for name in ("fifo", "plain", "socket")])
try:
    os.mknod("device", 0o20600, os.makedev(1, 3))
except PermissionError:
    print("no devices")
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
signal.setitimer(signal.ITIMER_REAL, 0.01)
print(signal.sigwait({signal.SIGALRM}).name)
pid, terminal = pty.fork()
if pid == 0:
    os.execlp("tty", "tty")
line = b""
while not line.endswith(b"\n"):  # a terminal may hand over a line in pieces
    line += os.read(terminal, 100)
print(line)
