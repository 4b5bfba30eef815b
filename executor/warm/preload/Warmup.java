package precieux;

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Scanner;
import java.util.stream.Collectors;

/**
 * What most programs do first, done once before: its classes are loaded, linked and set up.
 *
 * Nothing of it may be seen by the program: no stream of the process is used, no thread made, nothing counted up that
 * a program prints. `String.format` is not here: it would cost every start more than it saves the programs that use it.
 */
final class Warmup {
    private static final byte[] INPUT = "12 text\nline\n".getBytes(StandardCharsets.UTF_8);

    private Warmup() {}

    static void spread() throws Throwable {
        PrintStream output = new PrintStream(OutputStream.nullOutputStream(), true, StandardCharsets.UTF_8);
        Scanner scanner = new Scanner(new ByteArrayInputStream(INPUT));
        int number = scanner.nextInt();
        output.println("read " + number + scanner.nextLine());
        output.println(0.5);
        BufferedReader reader = new BufferedReader(new InputStreamReader(new ByteArrayInputStream(INPUT)));
        List<String> words = new ArrayList<>(List.of(reader.readLine().split(" ")));
        Map<String, Integer> lengths = new HashMap<>();
        words.forEach(word -> lengths.merge(word, word.length(), Integer::sum));
        output.println(words.stream().map(String::length).collect(Collectors.toList()));
        try {
            ClassLoader.getSystemClassLoader().loadClass("precieux.Absent");
        } catch (ClassNotFoundException expected) {
            Start.callOf(Warmup.class).invokeExact(new String[0]);
        }
    }

    static void main(String[] words) {}
}
