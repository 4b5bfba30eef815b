#include <stdio.h>

enum { SIZE = 120, PLACES = SIZE * SIZE };

struct item {
  int far, place;
};

static int costs[PLACES], distance[PLACES], length;
static struct item heap[PLACES * 4];

static void push(struct item item) {
  int place = length++;
  while (place > 0 && heap[(place - 1) / 2].far > item.far) {
    heap[place] = heap[(place - 1) / 2];
    place = (place - 1) / 2;
  }
  heap[place] = item;
}

static struct item pop(void) {
  struct item top = heap[0], item = heap[--length];
  int place = 0;
  for (;;) {
    int child = 2 * place + 1;
    if (child >= length) break;
    if (child + 1 < length && heap[child + 1].far < heap[child].far) child++;
    if (heap[child].far >= item.far) break;
    heap[place] = heap[child];
    place = child;
  }
  heap[place] = item;
  return top;
}

int main(void) {
  static const int down[] = {1, -1, 0, 0}, right[] = {0, 0, 1, -1};
  long long seed = 21;
  int farthest = 0;
  for (int place = 0; place < PLACES; place++) {
    seed = seed * 16807 % 2147483647;
    costs[place] = seed % 9 + 1;
    distance[place] = place ? 1000000000 : 0;
  }
  push((struct item){0, 0});
  while (length) {
    struct item nearest = pop();
    if (nearest.far > distance[nearest.place]) continue;
    for (int side = 0; side < 4; side++) {
      int row = nearest.place / SIZE + down[side], column = nearest.place % SIZE + right[side];
      if (row < 0 || row >= SIZE || column < 0 || column >= SIZE) continue;
      int beside = row * SIZE + column, longer = nearest.far + costs[beside];
      if (longer < distance[beside]) {
        distance[beside] = longer;
        push((struct item){longer, beside});
      }
    }
  }
  for (int place = 0; place < PLACES; place++)
    if (distance[place] > farthest) farthest = distance[place];
  printf("%d %d %lld\n", distance[PLACES - 1], farthest, NUMBERLL);
}
