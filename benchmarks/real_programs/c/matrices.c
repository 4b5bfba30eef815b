#include <stdio.h>

enum { SIZE = 90 };

static int one[SIZE][SIZE], other[SIZE][SIZE];
static long long product[SIZE][SIZE];

int main(void) {
  for (int row = 0; row < SIZE; row++)
    for (int column = 0; column < SIZE; column++) {
      one[row][column] = (row * 31 + column * 17) % 101;
      other[row][column] = (row * 13 + column * 7) % 103;
    }
  long long trace = 0;
  for (int row = 0; row < SIZE; row++)
    for (int column = 0; column < SIZE; column++)
      for (int inner = 0; inner < SIZE; inner++) product[row][column] += one[row][inner] * other[inner][column];
  for (int place = 0; place < SIZE; place++) trace += product[place][place];
  printf("%lld %lld %lld\n", trace, product[3][5], NUMBERLL);
}
