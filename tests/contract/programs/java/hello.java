import java.util.*;
public class Hello {
    public static void main(String[] args) {
        System.out.println("Hello, world! " + args.length + " çé漢字🎉");
        System.out.printf("%d %s %.3f%n", 42, List.of(1, 2), Math.PI);
        System.err.println("to standard error é");
    }
}
