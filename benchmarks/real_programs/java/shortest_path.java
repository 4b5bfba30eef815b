import java.util.Arrays;
import java.util.Comparator;
import java.util.PriorityQueue;

public class Main {
  static final int SIZE = 120;
  static final int[][] SIDES = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};

  public static void main(String[] args) {
    long seed = 21;
    int[] costs = new int[SIZE * SIZE], distance = new int[SIZE * SIZE];
    for (int place = 0; place < costs.length; place++) {
      seed = seed * 16807 % 2147483647;
      costs[place] = (int) (seed % 9 + 1);
    }
    Arrays.fill(distance, 1000000000);
    distance[0] = 0;
    PriorityQueue<int[]> heap = new PriorityQueue<>(Comparator.comparingInt(item -> item[0]));
    heap.add(new int[] {0, 0});
    while (!heap.isEmpty()) {
      int[] nearest = heap.poll();
      if (nearest[0] > distance[nearest[1]]) continue;
      for (int[] side : SIDES) {
        int row = nearest[1] / SIZE + side[0], column = nearest[1] % SIZE + side[1];
        if (row < 0 || row >= SIZE || column < 0 || column >= SIZE) continue;
        int beside = row * SIZE + column, longer = nearest[0] + costs[beside];
        if (longer < distance[beside]) {
          distance[beside] = longer;
          heap.add(new int[] {longer, beside});
        }
      }
    }
    int farthest = Arrays.stream(distance).max().getAsInt();
    System.out.println(distance[distance.length - 1] + " " + farthest + " " + NUMBERL);
  }
}
