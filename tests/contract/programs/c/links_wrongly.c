#include <stdio.h>
int elsewhere(void);
int main(void) { return elsewhere(); }
