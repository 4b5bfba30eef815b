#include <stdio.h>

enum { LENGTH = 700 };

static char one[LENGTH], other[LENGTH];
static int best[LENGTH + 1][LENGTH + 1];

static void letters(char *made, long long seed) {
  for (int place = 0; place < LENGTH; place++) {
    seed = seed * 16807 % 2147483647;
    made[place] = "acgt"[seed % 4];
  }
}

int main(void) {
  letters(one, 1);
  letters(other, 2);
  for (int row = 1; row <= LENGTH; row++)
    for (int column = 1; column <= LENGTH; column++) {
      int above = best[row - 1][column], left = best[row][column - 1];
      if (one[row - 1] == other[column - 1])
        best[row][column] = best[row - 1][column - 1] + 1;
      else
        best[row][column] = above > left ? above : left;
    }
  printf("%d %lld\n", best[LENGTH][LENGTH], NUMBERLL);
}
