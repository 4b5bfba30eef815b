import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;

public class Main {
  static final int SIZE = 250;
  static final int[][] SIDES = {{0, 1}, {1, 0}, {0, -1}, {-1, 0}};

  public static void main(String[] args) {
    long seed = 17;
    boolean[] walls = new boolean[SIZE * SIZE];
    for (int place = 0; place < walls.length; place++) {
      seed = seed * 16807 % 2147483647;
      walls[place] = seed % 10 < 3;
    }
    Map<Integer, Integer> steps = new HashMap<>(Map.of(0, 0));
    ArrayDeque<Integer> queue = new ArrayDeque<>();
    queue.add(0);
    int longest = 0;
    while (!queue.isEmpty()) {
      int place = queue.remove();
      longest = steps.get(place);
      for (int[] side : SIDES) {
        int row = place / SIZE + side[0], column = place % SIZE + side[1], beside = row * SIZE + column;
        if (row < 0 || row >= SIZE || column < 0 || column >= SIZE || walls[beside]) continue;
        if (steps.putIfAbsent(beside, longest + 1) == null) queue.add(beside);
      }
    }
    System.out.println(steps.size() + " " + longest + " " + NUMBERL);
  }
}
