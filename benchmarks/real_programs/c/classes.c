#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shape;

struct kind {
  const char *name;
  int (*area)(const struct shape *);
};

struct shape {
  const struct kind *kind;
  int width, height;
};

static int square(const struct shape *shape) {
  return shape->width * shape->width;
}

static int rectangle(const struct shape *shape) {
  return shape->width * shape->height;
}

static int triangle(const struct shape *shape) {
  return rectangle(shape) / 2;
}

static const struct kind KINDS[] = {{"square", square}, {"rectangle", rectangle}, {"rectangle", triangle}};

int main(void) {
  struct shape *shapes[30000];
  long long areas = 0, names = 0;
  for (int number = 0; number < 30000; number++) {
    shapes[number] = malloc(sizeof(struct shape));
    *shapes[number] = (struct shape){&KINDS[number % 3], number % 97 + 1, number % 3 == 1 ? 5 : 8};
  }
  for (int number = 0; number < 30000; number++) {
    areas += shapes[number]->kind->area(shapes[number]);
    names += strlen(shapes[number]->kind->name);
    free(shapes[number]);
  }
  printf("%lld %lld %lld\n", areas, names, NUMBERLL);
}
