#include <stdio.h>

static int moves[65536], made;

static void move(int count, int source, int target, int spare) {
  if (count == 0) return;
  move(count - 1, source, spare, target);
  moves[made++] = source * 3 + target;
  move(count - 1, spare, target, source);
}

int main(void) {
  long long sum = 0;
  move(16, 0, 1, 2);
  for (int place = 0; place < made; place++) sum += place * moves[place] % 7;
  printf("%d %lld %lld\n", made, sum, NUMBERLL);
}
