import java.nio.file.*;
public class Input {
    public static void main(String[] args) throws Exception {
        System.out.println(System.in.available() + " " + (char) System.in.read());
        System.out.println(Files.readString(Path.of("/dev/stdin")).length());
        System.out.write(System.in.readAllBytes()); System.out.flush();
    }
}
