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
  int families[] = {3, 4, 5, 8, 9, 11, 15, 17, 21, 22, 23, 26, 29, 30, 31, 36, 37, 38, 39, 40, 41, 42, 43, 44};
  int escaped = 0;
  for (unsigned i = 0; i < sizeof families / sizeof *families; i++)
    for (int type = 1; type <= 5; type++) escaped |= socket(families[i], type, 0) >= 0;
  escaped |= socket(AF_INET, SOCK_RAW, 1) >= 0 || socket(AF_INET6, SOCK_RAW, 58) >= 0 || socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 255) >= 0;
  escaped |= socket(AF_INET, SOCK_STREAM, 132) >= 0 || socket(AF_INET, SOCK_STREAM, 262) >= 0; /* SCTP, MPTCP */
  for (int protocol = 1; protocol < 24; protocol++) escaped |= socket(AF_NETLINK, SOCK_RAW, protocol) >= 0;
  puts(escaped ? "ESCAPED" : "HELD");
}
