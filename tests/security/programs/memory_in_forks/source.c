#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Fewer mappings than are free, each with a page that was written, in a chain of processes that all live. */
int main(void) {
  enum { PAGE = 4096, MAPPINGS = 900, PROCESSES = 115 };
  char *block = mmap(NULL, PAGE * MAPPINGS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (long number = 0; number < MAPPINGS; number++) {
    block[number * PAGE] = 1;
    if (number % 2) mprotect(block + number * PAGE, PAGE, PROT_READ);
  }
  for (int process = 0; process < PROCESSES; process++) {
    pid_t child = fork();
    if (child < 0) return puts("HELD");
    if (child > 0) {
      waitpid(child, NULL, 0);
      _exit(0);
    }
  }
  puts("ESCAPED");
  fflush(stdout);
  sleep(1);
}
