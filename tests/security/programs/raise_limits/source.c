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
  int kinds[] = {RLIMIT_CPU, RLIMIT_NPROC, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_CORE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_RTPRIO};
  struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
  struct sched_param real = {50};
  int escaped = 0;
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) escaped |= setrlimit(kinds[i], &most) == 0;
  escaped |= sched_setscheduler(0, SCHED_FIFO, &real) == 0;
  escaped |= setpriority(PRIO_PROCESS, 0, -20) == 0;
  puts(escaped ? "ESCAPED" : "HELD");
}
