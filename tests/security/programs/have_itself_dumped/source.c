#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void try(const struct rlimit *limit) {
  struct rlimit now;
  setrlimit(RLIMIT_CORE, limit);
  syscall(SYS_prlimit64, 0, RLIMIT_CORE, limit, NULL);
  syscall(SYS_prlimit64, getpid(), RLIMIT_CORE, limit, NULL);
#ifdef SYS_setrlimit
  syscall(SYS_setrlimit, RLIMIT_CORE, limit);
#endif
  /* Any value but 1 has the handler started, also a lower one. */
  if (getrlimit(RLIMIT_CORE, &now) != 0 || now.rlim_cur != 1 || now.rlim_max != 1) printf("ESCAPED %lu %lu\n", now.rlim_cur, now.rlim_max);
}

int main(void) {
  struct rlimit limits[] = {{1, 1}, {0, 1}, {0, 0}, {2, 2}, {RLIM_INFINITY, RLIM_INFINITY}};
  /* Here the lower half of an address is 0. */
  struct rlimit *far = mmap((void *)(3UL << 32), 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++) {
    try(&limits[i]);
    *far = limits[i];
    try(far);
  }
  for (int i = 0; i < 20; i++)
    if (fork() == 0) abort();
  for (int status; wait(&status) > 0;)
    if (WCOREDUMP(status)) puts("ESCAPED: dumped");
  puts("HELD");
}
