#include <stdio.h>
int main(void) {
  char line[80];
  while (fgets(line, sizeof line, stdin))
    printf("%s:%d of %s, %s", __FILE__, __LINE__, __BASE_FILE__, line);
  return 3;
}
