#include <stdio.h>
#include <sys/sem.h>

int main(void) {
  int arrays = 0;
  while (arrays < 256 && semget(IPC_PRIVATE, 32000, 0600) >= 0) arrays++; /* 2 MB each */
  if (arrays > 32) printf("ESCAPED %d arrays\n", arrays);
  puts("HELD");
}
