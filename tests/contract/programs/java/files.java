import java.io.*;
import java.nio.file.*;
public class FilesOf {
    public static void main(String[] args) throws Exception {
        Files.writeString(Path.of("note.txt"), "written");
        System.out.println(Files.readString(Path.of("note.txt")) + new File(".").getCanonicalPath() + new File("note.txt").length());
        System.out.println(Files.exists(Path.of("FilesOf.java")) + " " + Files.exists(Path.of("FilesOf.class")));
        Process child = new ProcessBuilder("cat", "note.txt").inheritIO().start();
        System.out.println(" " + child.waitFor());
        System.exit(new ProcessBuilder("sh", "-c", "exit 3").start().waitFor());
    }
}
