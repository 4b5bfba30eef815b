#include <stdio.h>

enum { CAPACITY = 5000 };

static int best[CAPACITY + 1];

int main(void) {
  long long seed = 9;
  for (int item = 0; item < 100; item++) {
    seed = seed * 16807 % 2147483647;
    int weight = seed % 200 + 10, value = seed / 200 % 500;
    for (int room = CAPACITY; room >= weight; room--)
      if (best[room - weight] + value > best[room]) best[room] = best[room - weight] + value;
  }
  printf("%d %d %lld\n", best[CAPACITY], best[CAPACITY / 2], NUMBERLL);
}
