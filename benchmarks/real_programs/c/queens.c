#include <stdio.h>
#include <stdbool.h>

enum { SIZE = 8 };

static bool columns[SIZE], rising[2 * SIZE], falling[2 * SIZE];

static int place(int row) {
  if (row == SIZE) return 1;
  int count = 0;
  for (int column = 0; column < SIZE; column++) {
    bool *used[] = {&columns[column], &rising[row + column], &falling[row - column + SIZE]};
    if (*used[0] || *used[1] || *used[2]) continue;
    *used[0] = *used[1] = *used[2] = true;
    count += place(row + 1);
    *used[0] = *used[1] = *used[2] = false;
  }
  return count;
}

int main(void) {
  printf("%d %lld\n", place(0), NUMBERLL);
}
