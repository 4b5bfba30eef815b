public class Main {
  static void quicksort(int[] values, int low, int high) {
    while (low < high) {
      int pivot = values[(low + high) / 2], left = low, right = high;
      while (left <= right) {
        while (values[left] < pivot) left++;
        while (values[right] > pivot) right--;
        if (left <= right) {
          int kept = values[left];
          values[left++] = values[right];
          values[right--] = kept;
        }
      }
      quicksort(values, low, right);
      low = left;
    }
  }

  public static void main(String[] args) {
    long seed = 42, sum = 0;
    int[] values = new int[30000];
    for (int place = 0; place < values.length; place++) {
      seed = seed * 16807 % 2147483647;
      values[place] = (int) (seed % 100000);
    }
    quicksort(values, 0, values.length - 1);
    for (int place = 0; place < values.length; place++) sum += place % 1000 * (long) values[place];
    System.out.println(sum + " " + NUMBERL);
  }
}
