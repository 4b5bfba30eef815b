import java.io.*;
import java.net.*;
import java.nio.*;
import java.nio.channels.*;
import java.nio.file.*;
import java.util.*;

public class Features {
    public static void main(String[] arguments) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Thread thread = new Thread(() -> serve(server));
            thread.start();
            try (Socket client = new Socket(server.getInetAddress(), server.getLocalPort())) {
                client.setKeepAlive(true);
                client.setReceiveBufferSize(8192);
                System.out.println(new BufferedReader(new InputStreamReader(client.getInputStream())).readLine());
            }
        }
        try (ServerSocketChannel server = ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0));
                Selector selector = Selector.open()) {
            server.configureBlocking(false);
            server.register(selector, SelectionKey.OP_ACCEPT);
            try (SocketChannel client = SocketChannel.open(server.getLocalAddress())) {
                System.out.println(selector.select());
            }
        }
        try (DatagramSocket socket = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            socket.setBroadcast(true);
            socket.setReuseAddress(true);
            socket.send(new DatagramPacket("udp".getBytes(), 3, socket.getLocalSocketAddress()));
            DatagramPacket packet = new DatagramPacket(new byte[9], 9);
            socket.receive(packet);
            System.out.println(new String(packet.getData(), 0, packet.getLength()));
        }
        try (DatagramChannel channel = DatagramChannel.open(); MulticastSocket socket = new MulticastSocket(0)) {
            channel.bind(new InetSocketAddress(0));
            socket.setTimeToLive(1);
            System.out.println(channel.getOption(StandardSocketOptions.SO_RCVBUF) > 0);
        }
        for (NetworkInterface network : Collections.list(NetworkInterface.getNetworkInterfaces()))
            System.out.println(network.getName() + " " + Collections.list(network.getInetAddresses()).size());
        try (FileChannel file = FileChannel.open(Path.of("file"), StandardOpenOption.CREATE, StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            MappedByteBuffer mapped = file.map(FileChannel.MapMode.READ_WRITE, 0, 4096);
            mapped.put(0, (byte) 1);
            mapped.force();
            file.force(true);
            System.out.println(file.tryLock() != null);
        }
        System.out.print(new String(new ProcessBuilder("echo", "child").start().getInputStream().readAllBytes()));
    }

    static void serve(ServerSocket server) {
        try (Socket client = server.accept()) {
            client.setTcpNoDelay(true);
            client.setSoLinger(true, 1);
            client.setTrafficClass(0);
            client.setOOBInline(true);
            client.getOutputStream().write("tcp\n".getBytes());
        } catch (IOException exc) {
            exc.printStackTrace();
        }
    }
}
