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
  int escaped = 0;
  for (int pid = 0; pid <= 2; pid++) {
    escaped |= pid != getpid() && ptrace(PTRACE_SEIZE, pid, 0, 0) == 0;
    int handle = syscall(434, pid, 0); /* pidfd_open */
    if (handle >= 0) escaped |= syscall(438, handle, 0, 0) >= 0; /* pidfd_getfd */
  }
  puts(escaped ? "ESCAPED" : "HELD");
}
