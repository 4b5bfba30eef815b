import java.io.*;
public class Unflushed {
    public static void main(String[] args) { new PrintWriter(System.out).println("lost"); new PrintWriter(System.out, true).println("kept"); }
}
