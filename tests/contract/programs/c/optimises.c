#include <stdio.h>
#pragma GCC optimize("O0")
__attribute__((optimize("O3", "unroll-loops"))) static int sum(const int *values, int count) {
  int total = 0;
  for (int index = 0; index < count; index++)
    total += values[index];
  return total;
}
__attribute__((target_clones("avx2", "default"))) double square(const double *values) {
  double total = 0;
  for (int index = 0; index < 64; index++)
    total += values[index] * values[index];
  return total;
}
#pragma GCC pop_options
int main(void) {
  int few[9] = {1, 2, 3};
  double many[64] = {3, 4};
  printf("%d %.1f\n", sum(few, 9), square(many));
  return 0;
}
