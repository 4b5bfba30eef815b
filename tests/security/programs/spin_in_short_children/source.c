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
  for (int child = 0; child < 3000; child++)
    if (fork() == 0) {
      while (used() < 0.002) {}
      _exit(0);
    } else {
      usleep(2000);
    }
  puts("ESCAPED");
}
