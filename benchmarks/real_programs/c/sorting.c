#include <stdio.h>
#include <stdlib.h>

struct person {
  int age, city, number;
};

static struct person people[60000];

static int compare(const void *first, const void *second) {
  const struct person *one = first, *other = second;
  if (one->age != other->age) return other->age - one->age;
  if (one->city != other->city) return one->city - other->city;
  return one->number - other->number;
}

int main(void) {
  long long seed = 7, sum = 0;
  for (int number = 0; number < 60000; number++) {
    seed = seed * 16807 % 2147483647;
    people[number] = (struct person){(int)(seed % 90), (int)(seed / 90 % 1000), number};
  }
  qsort(people, 60000, sizeof *people, compare);
  for (int place = 0; place < 60000; place++) sum += place % 100 * (long long)people[place].number;
  printf("%lld %lld\n", sum, NUMBERLL);
}
