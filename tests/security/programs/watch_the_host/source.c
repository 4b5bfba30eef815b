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

#include <sys/inotify.h>
int main(void) {
  int watch = inotify_init1(IN_NONBLOCK);
  int escaped = 0;
  const char *paths[] = {"@CANARY_DIR@", "/etc/shadow", "/root", "/home", "/var/log"};
  for (int i = 0; i < 5; i++) escaped |= inotify_add_watch(watch, paths[i], IN_ALL_EVENTS) >= 0;
  puts(escaped ? "ESCAPED" : "HELD");
}
