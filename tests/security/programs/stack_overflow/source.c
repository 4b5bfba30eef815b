#include <stdio.h>
int deeper(volatile char *above) { volatile char frame[4096]; frame[0] = above[0]; return deeper(frame) + frame[0]; }
int main(void) { char start[1] = {1}; return deeper(start); }
