public class Main {
  static final int SIZE = 64;

  static boolean[][] next(boolean[][] cells) {
    boolean[][] after = new boolean[SIZE][SIZE];
    for (int row = 0; row < SIZE; row++)
      for (int column = 0; column < SIZE; column++) {
        int around = cells[row][column] ? -1 : 0;
        for (int down = -1; down <= 1; down++)
          for (int right = -1; right <= 1; right++)
            if (cells[(row + down + SIZE) % SIZE][(column + right + SIZE) % SIZE]) around++;
        after[row][column] = around == 3 || (around == 2 && cells[row][column]);
      }
    return after;
  }

  public static void main(String[] args) {
    boolean[][] cells = new boolean[SIZE][SIZE];
    long seed = 31, sum = 0, places = 0;
    for (boolean[] row : cells)
      for (int column = 0; column < SIZE; column++) {
        seed = seed * 16807 % 2147483647;
        row[column] = seed % 3 == 0;
      }
    for (int turn = 0; turn < 20; turn++) cells = next(cells);
    for (int place = 0; place < SIZE * SIZE; place++)
      if (cells[place / SIZE][place % SIZE]) {
        sum++;
        places += place % 1000;
      }
    System.out.println(sum + " " + places + " " + NUMBERL);
  }
}
