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

static int child(void *unused) { return 0; }
int main(void) {
  static char stack[65536];
  int flags[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP, CLONE_NEWUSER | CLONE_NEWNS};
  for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
    if (clone(child, stack + sizeof stack, flags[i] | SIGCHLD, NULL) != -1) printf("ESCAPED %x\n", flags[i]);
    if (unshare(flags[i]) != -1) printf("ESCAPED unshare %x\n", flags[i]);
  }
  puts("HELD");
}
