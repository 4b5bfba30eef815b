public class Main {
  static final int SIZE = 90;

  static int[][] fill(int down, int right, int modulus) {
    int[][] made = new int[SIZE][SIZE];
    for (int row = 0; row < SIZE; row++)
      for (int column = 0; column < SIZE; column++) made[row][column] = (row * down + column * right) % modulus;
    return made;
  }

  public static void main(String[] args) {
    int[][] one = fill(31, 17, 101), other = fill(13, 7, 103);
    long[][] product = new long[SIZE][SIZE];
    for (int row = 0; row < SIZE; row++)
      for (int column = 0; column < SIZE; column++)
        for (int inner = 0; inner < SIZE; inner++) product[row][column] += one[row][inner] * other[inner][column];
    long trace = 0;
    for (int place = 0; place < SIZE; place++) trace += product[place][place];
    System.out.println(trace + " " + product[3][5] + " " + NUMBERL);
  }
}
