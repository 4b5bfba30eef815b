#include <stdio.h>
int main(void) { return puts("no newline at the end") < 0; }