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

#include <grp.h>
int main(void) {
  gid_t zero = 0;
  int escaped = setuid(0) == 0 | setgid(0) == 0 | setreuid(0, 0) == 0 | setresuid(0, 0, 0) == 0 | setgroups(1, &zero) == 0;
  puts(escaped || geteuid() == 0 ? "ESCAPED" : "HELD");
}
