#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
#ifdef __x86_64__
  long result = 0;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory"); /* getpid */
  printf("ESCAPED %ld\n", result);
#else
  /* ARM has no such gate: a 32-bit program of its own makes the calls. */
  static const unsigned program[] = {
      /* ELF header */ 0x464c457f, 0x00010101, 0, 0, 0x00280002, 1, 0x10054, 0x34, 0, 0x05000000, 0x00200034, 1, 0,
      /* segment */ 1, 0, 0x10000, 0x10000, 0x7c, 0x7c, 5, 0x10000,
      /* write(1, "ESCAPED\n", 8) */ 0xe3a00001, 0xe28f1014, 0xe3a02008, 0xe3a07004, 0xef000000,
      /* exit(1) */ 0xe3a00001, 0xe3a07001, 0xef000000,
      /* "ESCAPED\n" */ 0x41435345, 0x0a444550};
  int file = open("thirty_two", O_WRONLY | O_CREAT, 0755);
  write(file, program, sizeof program);
  close(file);
  execl("thirty_two", "thirty_two", NULL);
#endif
  return 1;
}
