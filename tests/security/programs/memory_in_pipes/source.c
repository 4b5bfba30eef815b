#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  static char block[65536];
  long *held = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int child = 0; child < 250; child++)
    if (fork() == 0) {
      for (int ends[2]; pipe2(ends, O_NONBLOCK) == 0;) {
        fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
        for (ssize_t written; (written = write(ends[1], block, 4096)) > 0;) __atomic_add_fetch(held, written, 5);
      }
      sleep(2);
      exit(0);
    }
  while (wait(NULL) > 0)
    ;
  puts(*held < 256L << 20 ? "HELD" : "ESCAPED");
}
