#include <stdio.h>

static int values[30000];

static void quicksort(int low, int high) {
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
    quicksort(low, right);
    low = left;
  }
}

int main(void) {
  long long seed = 42, sum = 0;
  for (int place = 0; place < 30000; place++) {
    seed = seed * 16807 % 2147483647;
    values[place] = seed % 100000;
  }
  quicksort(0, 29999);
  for (int place = 0; place < 30000; place++) sum += place % 1000 * (long long)values[place];
  printf("%lld %lld\n", sum, NUMBERLL);
}
