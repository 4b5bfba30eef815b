#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void) {
  long step = 2 << 20, count = 150000; /* 600 MB of tables */
  volatile char *block = mmap(NULL, step * count, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (block == MAP_FAILED) return puts("HELD");
  madvise((void *)block, step * count, MADV_NOHUGEPAGE);
  for (long number = 0; number < count; number++) (void)block[number * step];
  sleep(2);
  puts("ESCAPED");
}
