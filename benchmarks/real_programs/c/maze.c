#include <stdio.h>

enum { SIZE = 250, PLACES = SIZE * SIZE };

static int walls[PLACES], steps[PLACES], queue[PLACES];

int main(void) {
  static const int down[] = {0, 1, 0, -1}, right[] = {1, 0, -1, 0};
  long long seed = 17;
  int first = 0, last = 1, longest = 0;
  for (int place = 0; place < PLACES; place++) {
    seed = seed * 16807 % 2147483647;
    walls[place] = seed % 10 < 3;
    steps[place] = place ? -1 : 0;
  }
  while (first < last) {
    int place = queue[first++];
    longest = steps[place];
    for (int side = 0; side < 4; side++) {
      int row = place / SIZE + down[side], column = place % SIZE + right[side], beside = row * SIZE + column;
      if (row < 0 || row >= SIZE || column < 0 || column >= SIZE || walls[beside] || steps[beside] >= 0) continue;
      steps[beside] = longest + 1;
      queue[last++] = beside;
    }
  }
  printf("%d %d %lld\n", last, longest, NUMBERLL);
}
