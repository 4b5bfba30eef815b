#include <stdio.h>
#if 1
int main(void) {
  /* Nothing
  puts("ends");
