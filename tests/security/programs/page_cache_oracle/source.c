#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define HELD(condition) do { if (!(condition)) puts("ESCAPED " #condition); } while (0)

static char buffer[1 << 16] __attribute__((aligned(4096)));

int main(void) {
  int file = open("/usr/bin/env", O_RDONLY), zero = 0;
  struct iovec part = {buffer, 4096};
  unsigned long long range[2] = {0, 0}, counts[5];
  unsigned char resident = 0;
  struct fiemap *map = memset(buffer, 0, sizeof buffer);
  HELD(preadv2(file, &part, 1, 0, 0x8) == -1);  /* RWF_NOWAIT */
  HELD(preadv2(file, &part, 1, 0, 0x80) == -1); /* RWF_DONTCACHE */
  HELD(preadv2(file, &part, 1, 0, 0x2) >= 0);
  HELD(syscall(451, file, range, counts, 0) == -1); /* cachestat */
  void *mapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  HELD(syscall(SYS_mincore, mapped, 4096, &resident) == -1);
  HELD(madvise(mapped, 4096, MADV_PAGEOUT) == -1);
  HELD(madvise(mapped, 4096, MADV_COLD) == -1);
  HELD(madvise(mapped, 4096, 25) == -1); /* MADV_COLLAPSE */
  HELD(madvise(mapped, 4096, MADV_MERGEABLE) == -1);
  HELD(open("/usr/bin/env", O_RDONLY | O_DIRECT) == -1);
  HELD(fcntl(file, F_SETFL, O_DIRECT) == -1);
  HELD(syscall(SYS_openat2, AT_FDCWD, "/usr/bin/env", range, sizeof range) == -1);
  memset(buffer, 0, sizeof buffer);
  map->fm_length = ~0ULL;
  map->fm_extent_count = 1;
  HELD(ioctl(file, FS_IOC_FIEMAP, map) == -1);
  HELD(ioctl(file, FIBMAP, &zero) == -1);
  puts("HELD");
}
