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
  /* A container's filter of system calls kills the caller; the box's own refuses the call. */
  pid_t child = fork();
  if (child == 0)
    _exit(syscall(0x40000000 | 39) != -1);
  int status = 0;
  waitpid(child, &status, 0);
  puts(WIFEXITED(status) && WEXITSTATUS(status) == 1 ? "ESCAPED" : "HELD");
}
