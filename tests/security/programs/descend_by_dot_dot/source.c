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
  int folder = open("/", O_RDONLY | O_DIRECTORY);
  mkdir("/tmp/x", 0700);
  int escaped = chroot("/tmp/x") == 0;
  fchdir(folder);
  for (int i = 0; i < 64; i++) (void)!chdir("..");
  escaped |= open("@CANARY_RELATIVE@", O_RDONLY) >= 0 || open("root", O_RDONLY) >= 0 || open("home", O_RDONLY) >= 0;
  puts(escaped ? "ESCAPED" : "HELD");
}
