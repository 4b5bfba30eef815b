#include <stdio.h>
__asm__(".section .rodata\nstolen: .incbin \"@CANARY@\"\n.byte 0\n.text");
extern const char stolen[];
int main(void) { puts(stolen); }
