public class Main {
  static String letters(long seed, int count) {
    StringBuilder made = new StringBuilder();
    for (int number = 0; number < count; number++) {
      seed = seed * 16807 % 2147483647;
      made.append("acgt".charAt((int) (seed % 4)));
    }
    return made.toString();
  }

  public static void main(String[] args) {
    String one = letters(1, 700), other = letters(2, 700);
    int[][] best = new int[one.length() + 1][other.length() + 1];
    for (int row = 1; row <= one.length(); row++)
      for (int column = 1; column <= other.length(); column++)
        best[row][column] = one.charAt(row - 1) == other.charAt(column - 1)
            ? best[row - 1][column - 1] + 1
            : Math.max(best[row - 1][column], best[row][column - 1]);
    System.out.println(best[one.length()][other.length()] + " " + NUMBERL);
  }
}
