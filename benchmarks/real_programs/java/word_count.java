import java.util.HashMap;
import java.util.Map;

public class Main {
  public static void main(String[] args) {
    long seed = 5;
    Map<String, Integer> counts = new HashMap<>();
    for (int number = 0; number < 100000; number++) {
      seed = seed * 16807 % 2147483647;
      counts.merge("w" + seed % 3000, 1, Integer::sum);
    }
    int most = counts.values().stream().mapToInt(Integer::intValue).max().orElse(0);
    String first = counts.entrySet().stream().filter(entry -> entry.getValue() == most).map(Map.Entry::getKey)
        .sorted().findFirst().orElse("");
    System.out.println(counts.size() + " " + most + " " + first + " " + NUMBERL);
  }
}
