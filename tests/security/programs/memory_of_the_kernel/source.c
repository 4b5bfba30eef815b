#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  static char block[65536];
  long total = 0;
  for (int i = 0; i < 4000; i++) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) break;
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    long written;
    while ((written = write(pair[0], block, sizeof block)) > 0) total += written;
  }
  puts(total < (400L << 20) ? "HELD" : "ESCAPED");
}
