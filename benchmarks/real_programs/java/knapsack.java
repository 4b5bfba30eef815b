public class Main {
  public static void main(String[] args) {
    final int capacity = 5000;
    int[] best = new int[capacity + 1];
    long seed = 9;
    for (int item = 0; item < 100; item++) {
      seed = seed * 16807 % 2147483647;
      int weight = (int) (seed % 200 + 10), value = (int) (seed / 200 % 500);
      for (int room = capacity; room >= weight; room--) best[room] = Math.max(best[room], best[room - weight] + value);
    }
    System.out.println(best[capacity] + " " + best[capacity / 2] + " " + NUMBERL);
  }
}
