#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Half of the descriptors watch the other half. Counted by the kernel's user, of whom every program may be one. */
int main(void) {
  long *watches = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  int half = (int)files.rlim_cur / 2;
  for (int child = 0; child < 250; child++)
    if (fork() == 0) {
      int first = eventfd(0, 0), last = first;
      while (last < half) last = eventfd(0, 0);
      for (int epoll; (epoll = epoll_create1(0)) >= 0;)
        for (int event = first; event <= last; event++) {
          struct epoll_event wanted = {.events = EPOLLIN};
          if (epoll_ctl(epoll, EPOLL_CTL_ADD, event, &wanted) == 0) __atomic_add_fetch(watches, 1, 5);
        }
      sleep(2);
      exit(0);
    }
  while (wait(NULL) > 0)
    ;
  puts(*watches < 1000000 ? "HELD" : "ESCAPED");
}
