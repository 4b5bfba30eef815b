#include <stdio.h>

int main(void) {
  int inside = 0, turns = 0;
  for (int row = 0; row < 80; row++)
    for (int column = 0; column < 80; column++) {
      double real = column / 32.0 - 2, imaginary = row / 32.0 - 1.25, x = 0, y = 0;
      int count = 0;
      while (count < 60 && x * x + y * y <= 4) {
        double next = x * x - y * y + real;
        y = 2 * x * y + imaginary;
        x = next;
        count++;
      }
      turns += count;
      inside += count == 60;
    }
  printf("%d %d %lld\n", inside, turns, NUMBERLL);
}
