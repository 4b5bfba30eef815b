#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double used(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(void) {
  signal(SIGCHLD, SIG_IGN); /* nobody is told what they have used */
  for (int child = 0; child < 5000 * @PATIENCE@; child++)
    if (vfork() == 0) {
      double before = used();
      while (used() < before + 0.001) {}
      _exit(0);
    }
  puts("ESCAPED");
}
