#include <stdio.h>
// Another line end, so another beginning.
int main(void) { return printf("%d\n", __LINE__) < 0; }
