#include <stdio.h>
#include <pthread.h>
static _Thread_local int own = 1;
__attribute__((constructor)) static void first(void) { puts("first"); }
static void *work(void *given) { return own++, given; }
static inline int twice(int value) { return 2 * value; }
int main(int count, char **arguments) {
  int add(int value) { return value + count; }
  int (*nested)(int) = add;
  int squares[count + 3];
  for (int index = 0; index < count + 3; index++)
    squares[index] = index * index;
  struct {
    int head;
    char tail[];
  } *record = NULL;
  pthread_t thread;
  pthread_create(&thread, NULL, work, NULL);
  pthread_join(thread, NULL);
  _Float128 wide = 1.5;
  __int128 large = (__int128)1 << 70;
  int größe = _Generic(wide, double: 1, default: 2);
  printf("%d %d %zu %d %d %d é\n", nested(2), squares[count], sizeof *record, own, (int)(large >> 68), größe);
  return twice((int)wide);
}
