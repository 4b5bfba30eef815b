import java.util.*;
import not.there.Thing;
public class Wrong {
    private final int fixed;
    public static void main(String[] args) { int x = "text"; List<String> list = new ArrayList<Integer>(); missing(); fixed = 1; return 1; }
    int nothing() { }
}
