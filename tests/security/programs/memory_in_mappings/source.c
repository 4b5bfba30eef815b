#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  long page = 4096, count = 30000; /* 12 MB in each process */
  char *block = mmap(NULL, page * 2 * count, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  for (long number = 0; number < count; number++) mprotect(block + number * 2 * page, page, PROT_NONE);
  for (int child = 0; child < 100; child++)
    if (fork() == 0) {
      sleep(3);
      _exit(0);
    }
  while (wait(NULL) > 0)
    ;
  puts("ESCAPED");
}
