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

#include <sys/sysmacros.h>
int main(void) {
  int escaped = 0;
  escaped |= mknod("/tmp/mem", S_IFCHR | 0666, makedev(1, 1)) == 0;
  escaped |= mknod("/tmp/disk", S_IFBLK | 0666, makedev(254, 0)) == 0;
  escaped |= mknod("/tmp/none", S_IFCHR | 0666, makedev(0, 0)) == 0; /* the kernel wants no capability for it */
  const char *paths[] = {"/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/loop0", "/dev/fuse", "/dev/kvm",
                         "/dev/net/tun", "/dev/vsock", "/dev/uinput", "/dev/console", "/dev/tty1", "/dev/mapper/control", "/dev/vhost-net"};
  for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) escaped |= open(paths[i], O_RDONLY) >= 0;
  puts(escaped ? "ESCAPED" : "HELD");
}
