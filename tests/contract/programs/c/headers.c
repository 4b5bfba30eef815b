#include <stdio.h>
#define _GNU_SOURCE
#include <complex.h>
#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
int main(void) {
  double complex root = csqrt(-4);
  int64_t largest = INT64_MAX;
  printf("%.1f %" PRId64 " %d %zu %s\n", cimag(root), largest, toupper('a') + CHAR_BIT, strlen(__DATE__),
         basename("a/b"));
  printf("%d\n", abs((int)lround(hypot(-3, 4))));
  return EXIT_SUCCESS;
}
