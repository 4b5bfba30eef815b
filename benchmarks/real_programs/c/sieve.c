#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  const int limit = 1000000;
  char *prime = malloc(limit + 1);
  memset(prime, 1, limit + 1);
  prime[0] = prime[1] = 0;
  for (int number = 2; number <= 1000; number++)
    if (prime[number])
      for (int multiple = number * number; multiple <= limit; multiple += number) prime[multiple] = 0;
  long long count = 0, sum = 0;
  for (int number = 0; number <= limit; number++)
    if (prime[number]) {
      count++;
      sum += number;
    }
  free(prime);
  printf("%lld %lld %lld\n", count, sum, NUMBERLL);
}
