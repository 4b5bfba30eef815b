import java.util.HashSet;
import java.util.Set;

public class Main {
  static final int SIZE = 8;
  static final Set<Integer> columns = new HashSet<>(), rising = new HashSet<>(), falling = new HashSet<>();

  static int place(int row) {
    if (row == SIZE) return 1;
    int count = 0;
    for (int column = 0; column < SIZE; column++) {
      if (columns.contains(column) || rising.contains(row + column) || falling.contains(row - column)) continue;
      columns.add(column);
      rising.add(row + column);
      falling.add(row - column);
      count += place(row + 1);
      columns.remove(column);
      rising.remove(row + column);
      falling.remove(row - column);
    }
    return count;
  }

  public static void main(String[] args) {
    System.out.println(place(0) + " " + NUMBERL);
  }
}
