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

#include <sys/resource.h>
int main(void) {
  int escaped = 0;
  struct rlimit none = {0, 0};
  int kinds[] = {RLIMIT_CPU, RLIMIT_NOFILE, RLIMIT_AS, RLIMIT_FSIZE};
  for (int i = 0; i < 4; i++) escaped |= syscall(SYS_prlimit64, 1, kinds[i], &none, NULL) == 0;
  puts(escaped ? "ESCAPED" : "HELD");
}
