#include <stdio.h>
struct unfinished;
int main(void) {
  int number = "text";
  printf("%d %s\n", 1.0, number);
  undeclared(missing);
  sizeof(struct unfinished);
  return number
}
