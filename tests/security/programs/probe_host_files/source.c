#include <stdio.h>
int main(void) {
#if __has_include("@CANARY@") || __has_include("/etc/shadow") || __has_include("/root/.bashrc") || __has_include("/etc/machine-id")
  puts("ESCAPED");
#else
  puts("HELD");
#endif
}
