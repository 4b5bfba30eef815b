#include <stdio.h>
#include <sys/sem.h>

/* 64 bytes each. */
int main(void) {
  long held = 0;
  for (int number = 0; number < 300; number++)
    for (int size = 32000; size >= 250; size /= 2)
      if (semget(IPC_PRIVATE, size, 0600) >= 0) {
        held += size * 64L;
        break;
      }
  puts(held < 8 << 20 ? "HELD" : "ESCAPED");
}
