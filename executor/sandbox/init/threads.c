/* Fork a process that has threads, threads and all.
 *
 * fork(2) copies the calling thread alone. So the others are stopped for good, each in a signal handler that keeps where
 * it was; memory and stacks are copied by the fork; and in the child each is started anew at that point, on its own
 * stack, and returns from the handler. Neither the C library nor the program can tell: of what the kernel knows of a
 * thread, the handler's return brings back registers, signal mask and alternate stack (sigreturn(2)), and `resume` the
 * rest: storage, id, list of robust locks. It is what DMTCP and CRIU do for processes that are kept on disk.
 */

/* Its check of longjmp(3) holds that one jumps up one's own stack. */
#undef _FORTIFY_SOURCE

#include "process.h"
#include "threads.h"

#include <dirent.h>
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MAX_THREADS = 128,
    STACK_BYTES = 4096, /* of `resume`, which leaves it at once */
    /* The C library's own, which no thread can have blocked, as its functions take it out of every mask (nptl(7)). It
     * does not let us set its action either, so that is done by the system call. */
    PARK_SIGNAL = 33,
};

#ifndef MADV_POPULATE_WRITE /* glibc knows it since 2.35 */
#define MADV_POPULATE_WRITE 23
#endif

struct parked {
    jmp_buf where;
    char *storage; /* the thread pointer */
    int *id;       /* where the C library has it */
    void *robust_list;
    size_t robust_list_bytes;
    char stack[STACK_BYTES] __attribute__((aligned(16)));
};

static struct parked threads[MAX_THREADS];
static atomic_int begun, parked;
static int *main_id;
static char *heap; /* what malloc(3) has of the kernel in one piece */
static size_t heap_bytes;

/* The kernel's struct sigaction; glibc's is another. */
struct action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    unsigned long mask;
};

#ifdef __x86_64__
#define SA_RESTORER 0x04000000
/* There the kernel wants to be told what a handler returns to (sigreturn(2)). */
__asm__(".text\n"
        "return_from_handler:\n"
        "  mov $15, %eax\n" /* rt_sigreturn */
        "  syscall\n");
extern void return_from_handler(void);
static const unsigned long HANDLER_FLAGS = SA_RESTART | SA_RESTORER;
static char *thread_pointer(void)
{
    char *pointer;
    __asm__("mov %%fs:0, %0" : "=r"(pointer));
    return pointer;
}
#else
static void (*const return_from_handler)(void) = NULL;
static const unsigned long HANDLER_FLAGS = SA_RESTART;
static char *thread_pointer(void)
{
    return __builtin_thread_pointer();
}
#endif

/* Where glibc 2.35 or newer has a thread's registration for restartable sequences (rseq(2)). */
extern const ptrdiff_t __rseq_offset __attribute__((weak, visibility("default")));

/* A new thread is not registered; without that, glibc asks the kernel on which processor it is. */
static void forget_processor(void)
{
    enum { PROCESSOR = 1, UNKNOWN = -1 };
    if (&__rseq_offset)
        ((int *)(thread_pointer() + __rseq_offset))[PROCESSOR] = UNKNOWN;
}

static void wait_while(atomic_int *word, int value)
{
    syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

/* The handler: it returns in children only. */
static void park(int number)
{
    (void)number;
    static atomic_int always;
    int error = errno;
    struct parked *own = &threads[atomic_fetch_add(&begun, 1)];
    own->storage = thread_pointer();
    prctl(PR_GET_TID_ADDRESS, &own->id); /* that it works was tried before */
    syscall(SYS_get_robust_list, 0, &own->robust_list, &own->robust_list_bytes);
    if (setjmp(own->where) == 0) {
        atomic_fetch_add(&parked, 1);
        syscall(SYS_futex, &parked, FUTEX_WAKE, 1, NULL, NULL, 0);
        for (;;)
            wait_while(&always, 0);
    }
    syscall(SYS_set_robust_list, own->robust_list, own->robust_list_bytes);
    forget_processor();
    errno = error;
}

/* Signals every thread but this one that has not been signalled before; how many there are of them now. */
static int signal_others(int *known, int count)
{
    pid_t own = (pid_t)syscall(SYS_gettid);
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks)
        fail("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(tasks));) {
        int id = atoi(entry->d_name);
        bool is_known = id == 0 || id == own;
        for (int index = 0; index < count; index++)
            is_known = is_known || known[index] == id;
        if (is_known)
            continue;
        if (count == MAX_THREADS)
            cannot("so many threads");
        if (syscall(SYS_tgkill, getpid(), id, PARK_SIGNAL) == 0)
            known[count++] = id;
    }
    closedir(tasks);
    return count;
}

/* Some memory asks not to be copied by a fork, as V8's does, to make forks fast; and what is shared would remain so. */
static void inherit_memory(void)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps)
        fail("/proc/self/maps");
    while (fgets(line, sizeof line, maps)) {
        unsigned long start, end;
        char mode[5];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, mode) != 3)
            cannot("map of memory");
        if (mode[1] == 'w' && mode[3] == 's')
            cannot("memory that is shared");
        if (strstr(line, "[heap]")) {
            heap = (char *)start;
            heap_bytes = end - start;
        }
        madvise((void *)start, end - start, MADV_DOFORK); /* not of the kernel's own, which is well */
    }
    fclose(maps);
}

void park_threads(void)
{
    struct action park_here = {park, HANDLER_FLAGS, return_from_handler, ~0UL}, before;
    int known[MAX_THREADS], count = 0, now;
    if (prctl(PR_GET_TID_ADDRESS, &main_id) < 0)
        fail("PR_GET_TID_ADDRESS");
    if (syscall(SYS_rt_sigaction, PARK_SIGNAL, &park_here, &before, sizeof park_here.mask) < 0)
        fail("rt_sigaction");
    /* Again until there is no new one: a thread may have started another before it was stopped. */
    while ((now = signal_others(known, count)) > count) {
        count = now;
        for (int have; (have = atomic_load(&parked)) < count;)
            wait_while(&parked, have);
    }
    syscall(SYS_rt_sigaction, PARK_SIGNAL, &before, NULL, sizeof before.mask);
    inherit_memory(); /* after that nobody can get more of it */
}

/* fork(3) would take the stacks of the others, which it believes gone, for free memory. */
pid_t fork_with_threads(void)
{
    if (!main_id)
        return fork();
    void *robust_list;
    size_t bytes;
    syscall(SYS_get_robust_list, 0, &robust_list, &bytes);
    /* The last two are in another order on some machines. */
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, 0, 0, main_id, main_id);
    if (pid == 0)
        syscall(SYS_set_robust_list, robust_list, bytes);
    return pid;
}

void copy_ahead(void)
{
    madvise(heap, heap_bytes, MADV_POPULATE_WRITE); /* since Linux 5.14; without it, it is copied when it is written */
}

static int resume(void *thread)
{
    longjmp(((struct parked *)thread)->where, 1);
}

void resume_threads(void)
{
    /* As pthread_create(3) has it. */
    static const int LIKE_THREADS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND | CLONE_THREAD |
                                    CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    for (int index = 0; index < atomic_load(&parked); index++) {
        struct parked *next = &threads[index];
        char *top = next->stack + sizeof next->stack;
        if (clone(resume, top, LIKE_THREADS, next, next->id, next->storage, next->id) < 0)
            fail("clone");
    }
}
