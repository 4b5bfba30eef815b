#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define HELD(condition) do { if (!(condition)) puts("ESCAPED " #condition); } while (0)

int main(void) {
  struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  struct sock_fprog filter = {1, &allow};
  struct sched_param urgent = {.sched_priority = 1};
  unsigned lock = 0, requests[] = {0x5412, 0x541C, 0x5423, 0x541D, 0x5452, 0x8946, 0x89A0, 0xB701, 0xC020660B, 0x5310};
  pthread_mutexattr_t kind;
  pthread_mutex_t mutex;
  for (int operation = 6; operation < 9; operation++) HELD(syscall(SYS_futex, &lock, operation, 0, NULL, NULL, 0) == -1 && errno == ENOSYS);
  HELD(syscall(SYS_futex, &lock, FUTEX_LOCK_PI2, 0, NULL, NULL, 0) == -1 && errno == ENOSYS);
  pthread_mutexattr_init(&kind);
  pthread_mutexattr_setprotocol(&kind, PTHREAD_PRIO_INHERIT);
  HELD(pthread_mutex_init(&mutex, &kind) == ENOTSUP);
  HELD(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == -1);
  HELD(prctl(62, 1, 0, 1, 0) == -1 && errno == EINVAL); /* PR_SCHED_CORE */
  HELD(prctl(67, 1, 0, 0, 0) == -1);                    /* PR_SET_MEMORY_MERGE */
  HELD(prctl(59, 1, 0, 0, 0) == -1);                    /* PR_SET_SYSCALL_USER_DISPATCH */
  HELD(prctl(PR_SET_MM, PR_SET_MM_BRK, 0, 0, 0) == -1 && errno == EINVAL);
  HELD(prctl(PR_SET_NAME, "name") == 0);
  HELD(mmap(NULL, 2 << 20, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) == MAP_FAILED);
  HELD(shmget(IPC_PRIVATE, 2 << 20, IPC_CREAT | SHM_HUGETLB | 0600) == -1);
  HELD(syscall(SYS_memfd_create, "huge", 4) == -1);
  HELD(sched_setscheduler(0, SCHED_FIFO, &urgent) == -1);
  HELD(setpriority(PRIO_PROCESS, 0, -1) == -1);
  for (unsigned i = 0; i < sizeof requests / sizeof *requests; i++)
    HELD(ioctl(0, requests[i], &lock) == -1 && errno == ENOTTY);
  puts("HELD");
}
