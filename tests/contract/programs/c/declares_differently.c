#include <stdio.h>
float printf(int);
typedef int FILE;
int main(void) { return EOF; }
