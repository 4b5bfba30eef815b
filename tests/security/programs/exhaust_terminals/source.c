#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static int take(void) {
  int taken = 0;
  while (taken < 400 && open("/dev/ptmx", O_RDWR | O_NOCTTY) >= 0) taken++;
  return taken;
}

int main(void) {
  int taken = take(), beside[2];
  pipe(beside);
  for (int i = 0; i < 4; i++)
    if (fork() == 0) {
      int more = take();
      write(beside[1], &more, sizeof more);
      pause();
    }
  for (int i = 0, more; i < 4; i++) {
    read(beside[0], &more, sizeof more);
    taken += more;
  }
  if (taken < 1 || taken > 16) printf("ESCAPED %d terminals\n", taken);
  if (mount("devpts", "/tmp", "devpts", 0, "newinstance") == 0) puts("ESCAPED mount");
  puts("HELD");
}
