#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  static char block[65536];
  long *held = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int child = 0; child < 250; child++)
    if (fork() == 0) {
      for (int count = 0;; count++) {
        char name[64];
        snprintf(name, sizeof name, "/tmp/%d-%d", child, count);
        if (mkfifo(name, 0600) != 0) break;
        int fifo = open(name, O_RDWR | O_NONBLOCK);
        if (fifo < 0) break;
        unlink(name);
        fcntl(fifo, F_SETPIPE_SZ, 1 << 20);
        for (ssize_t written; (written = write(fifo, block, 4096)) > 0;) __atomic_add_fetch(held, written, 5);
      }
      sleep(2);
      exit(0);
    }
  while (wait(NULL) > 0)
    ;
  puts(*held == 0 ? "NO FIFOS" : *held < 256L << 20 ? "HELD" : "ESCAPED");
}
