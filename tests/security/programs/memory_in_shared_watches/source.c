#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  enum { EPOLLS = 62, PROCESSES = 120 }; /* most watches where a process may have 128 files open */
  long *watches = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int epolls[EPOLLS];
  for (int number = 0; number < EPOLLS; number++) epolls[number] = epoll_create1(0);
  for (int child = 0; child < PROCESSES; child++)
    if (fork() == 0) {
      struct epoll_event wanted = {.events = EPOLLIN};
      for (int file; (file = eventfd(0, 0)) >= 0;)
        for (int number = 0; number < EPOLLS; number++)
          if (epoll_ctl(epolls[number], EPOLL_CTL_ADD, file, &wanted) == 0) __atomic_add_fetch(watches, 1, 5);
      sleep(2 * @PATIENCE@);
      _exit(0);
    }
  while (wait(NULL) > 0) {}
  printf("ESCAPED: %ld\n", *watches);
}
