#include <stdio.h>
#else
#warning "of the program"
#pragma message "to whom it may concern"
_Pragma("GCC warning \"by a pragma\"")
#pragma GCC poison gets
#line 77 "other.c"
#error "of the program"
int main(void) { return gets; }
#include <missing.h>
