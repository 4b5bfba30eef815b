#include <stdio.h>
#if __INCLUDE_LEVEL__ < 3
#include __FILE__
#endif
#if __INCLUDE_LEVEL__ == 0
int main(void) { return printf("%d %d %d\n", __COUNTER__, __COUNTER__, __LINE__) < 0; }
#else
_Static_assert(__COUNTER__ < 3, "");
#endif
