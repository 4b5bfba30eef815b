#include <stdio.h>
int main(void) {
  __asm__("no such instruction");
  return 0;
}
