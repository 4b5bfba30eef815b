import java.util.*;
import java.util.function.*;
import java.util.stream.*;
public class Language {
    sealed interface Shape permits Circle, Square {}
    record Circle(double r) implements Shape {}
    record Square(double side) implements Shape {}
    static String name(Object shape) { return shape instanceof Circle c ? "circle " + c.r() : "other " + shape; }
    public static void main(String[] args) {
        System.out.println(Stream.of(new Circle(1), new Square(2)).map(Language::name).collect(Collectors.joining(", ")));
        String text = """
            several
              lines""";
        int day = 3;
        System.out.println(text + switch (day) { case 1, 7 -> "weekend"; default -> { yield "day " + day; } });
        Supplier<Integer> lazy = () -> new Object() { int twice(int n) { return 2 * n; } }.twice(21);
        var counts = new TreeMap<>(Map.of("a", 1, "b", lazy.get()));
        counts.forEach((key, value) -> System.out.println(key + value));
        assert false : "assertions are off";
        System.out.println(String.format("%5d|%-5s|%x", 7, "ab", 255) + Objects.hash(1, 2) + Arrays.deepToString(new int[][] {{1}, {2}}));
    }
}
