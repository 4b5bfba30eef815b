#include <stdio.h>
#include <string.h>

enum { SIZE = 64 };

static int cells[SIZE][SIZE], after[SIZE][SIZE];

int main(void) {
  long long seed = 31, sum = 0, places = 0;
  for (int row = 0; row < SIZE; row++)
    for (int column = 0; column < SIZE; column++) {
      seed = seed * 16807 % 2147483647;
      cells[row][column] = seed % 3 == 0;
    }
  for (int turn = 0; turn < 20; turn++) {
    for (int row = 0; row < SIZE; row++)
      for (int column = 0; column < SIZE; column++) {
        int around = -cells[row][column];
        for (int down = -1; down <= 1; down++)
          for (int right = -1; right <= 1; right++)
            around += cells[(row + down + SIZE) % SIZE][(column + right + SIZE) % SIZE];
        after[row][column] = around == 3 || (around == 2 && cells[row][column]);
      }
    memcpy(cells, after, sizeof cells);
  }
  for (int place = 0; place < SIZE * SIZE; place++)
    if (cells[place / SIZE][place % SIZE]) {
      sum++;
      places += place % 1000;
    }
  printf("%lld %lld %lld\n", sum, places, NUMBERLL);
}
