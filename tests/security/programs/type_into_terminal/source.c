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

#include <sys/ioctl.h>
int main(void) {
  int escaped = open("/dev/tty", O_RDWR) >= 0;
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0) {
    int slave = open(ptsname(master), O_RDWR);
    if (slave >= 0) escaped |= ioctl(slave, TIOCSTI, "x") == 0;
  }
  for (int fd = 0; fd < 3; fd++) escaped |= ioctl(fd, TIOCSTI, "x") == 0;
  puts(escaped ? "ESCAPED" : "HELD");
}
