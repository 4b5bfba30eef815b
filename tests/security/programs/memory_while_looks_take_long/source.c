#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1 << 20, SHARED = 220 * MIB, STEP = 16 * MIB, MORE = 1024 * MIB, PROCESSES = 120, FEW = 400 };

int main(void) {
  char *shared = mmap(NULL, SHARED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  volatile long *common = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  madvise(shared, SHARED, MADV_NOHUGEPAGE);
  memset(shared, 1, SHARED);
  for (int child = 0; child < PROCESSES; child++)
    if (fork() == 0) {
      while (!common[0]) usleep(5000);
      if (child < 2) {
        char *own = mmap(NULL, MORE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (long done = 0; done < MORE; done += STEP) {
          memset(own + done, 1, STEP);
          if (__atomic_add_fetch(&common[1], STEP / MIB, 5) == FEW) write(1, "ESCAPED\n", 8);
        }
      }
      _exit(0);
    }
  sleep(2);
  common[0] = 1;
  while (wait(NULL) > 0) {}
}
