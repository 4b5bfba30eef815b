#include <stdio.h>
int printf(const char *format, ...) { return puts(format); }
int main(void) { return printf("its own\n") < 0; }
