#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <sys/syscall.h>

/* What is not made at all finds nothing wrong with a descriptor that is none. */
#define HELD(condition) do { if (!(condition)) puts("ESCAPED " #condition); } while (0)

int main(void) {
  HELD(fsync(-1) == 0);
  HELD(fdatasync(-1) == 0);
  HELD(sync_file_range(-1, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) == 0);
  HELD(posix_fadvise(-1, 0, 0, POSIX_FADV_DONTNEED) == 0);
  HELD(msync((void *)4096, 4096, MS_SYNC) == 0);
  HELD(syscall(SYS_syncfs, 0) == -1 && errno == ENOSYS);
  HELD(syscall(SYS_sync) == -1 && errno == ENOSYS);
  puts("HELD");
}
