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

#include <linux/capability.h>
int main(void) {
  char line[256];
  int escaped = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, status)) {
    unsigned long long set;
    if (sscanf(line, "Cap%*3s: %llx", &set) == 1) escaped |= set != 0;
    int flag;
    if (sscanf(line, "NoNewPrivs: %d", &flag) == 1) escaped |= flag != 1;
    if (sscanf(line, "Seccomp: %d", &flag) == 1) escaped |= flag != 2;
  }
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct all[2] = {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}};
  escaped |= syscall(SYS_capset, &header, all) == 0;
  escaped |= prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0) == 0;
  puts(escaped ? "ESCAPED" : "HELD");
}
