/* fork(2) copies only the calling thread. So the others are stopped for good, each in a signal handler that records its
 * position. The fork copies memory and stacks. In the child each thread is started again at that position, on its own
 * stack, and returns from the handler. The C library and the program see no difference. The handler's return restores
 * registers, signal mask and alternate stack (sigreturn(2)). `resume_threads` and `park` restore the rest that the
 * kernel keeps for a thread: storage, id, list of robust locks. DMTCP and CRIU restore processes from disk in the same
 * way.
 */

/* With _FORTIFY_SOURCE, longjmp(3) accepts only a jump up the current stack. */
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
    STACK_BYTES = 4096, /* for `resume`, which leaves this stack at once */
    /* One of the C library's own signals. No thread can block it, because the library removes it from every mask
     * (nptl(7)). The library does not let us set its action either, so the system call does. */
    PARK_SIGNAL = 33,
};

struct thread {
    jmp_buf position;
    char *storage; /* the thread pointer */
    int *id;       /* where the C library keeps it */
    void *robust_list;
    size_t robust_list_bytes;
    char stack[STACK_BYTES] __attribute__((aligned(16)));
};

static struct thread threads[MAX_THREADS];
static atomic_int thread_count, parked_count;
static int *main_id;

/* The kernel's struct sigaction; glibc's differs. */
struct action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    unsigned long mask;
};

#ifdef __x86_64__
#define SA_RESTORER 0x04000000
/* On x86-64 the kernel needs the address that a handler returns to (sigreturn(2)). */
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

/* The offset of a thread's rseq(2) registration from its thread pointer; in glibc since 2.35. */
extern const ptrdiff_t __rseq_offset __attribute__((weak, visibility("default")));

/* Mark the processor number of a thread's copy as unknown, so that glibc asks the kernel for it. The copy is not
 * registered for rseq(2), so the number would be stale. */
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

/* The signal handler. It returns only in children. */
static void park(int number)
{
    (void)number;
    static atomic_int zero;
    int error = errno;
    struct thread *own = &threads[atomic_fetch_add(&thread_count, 1)];
    own->storage = thread_pointer();
    prctl(PR_GET_TID_ADDRESS, &own->id); /* `park_threads` has checked that this works */
    syscall(SYS_get_robust_list, 0, &own->robust_list, &own->robust_list_bytes);
    if (setjmp(own->position) == 0) {
        atomic_fetch_add(&parked_count, 1);
        syscall(SYS_futex, &parked_count, FUTEX_WAKE, 1, NULL, NULL, 0);
        for (;;)
            wait_while(&zero, 0);
    }
    syscall(SYS_set_robust_list, own->robust_list, own->robust_list_bytes);
    forget_processor();
    errno = error;
}

/* Signal every thread that is neither this one nor known, and add it to `known`; return the new count. */
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
            fail_unsupported("too many threads");
        if (syscall(SYS_tgkill, getpid(), id, PARK_SIGNAL) == 0)
            known[count++] = id;
    }
    closedir(tasks);
    return count;
}

/* Make a fork copy all memory. V8 excludes some, to make forks fast. `fail` if some is shared, because a parent and its
 * children would go on sharing it. */
static void copy_memory_on_fork(void)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps)
        fail("/proc/self/maps");
    while (fgets(line, sizeof line, maps)) {
        unsigned long start, end;
        char mode[5];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, mode) != 3)
            fail_unsupported("/proc/self/maps");
        if (mode[1] == 'w' && mode[3] == 's')
            fail_unsupported("shared memory");
        madvise((void *)start, end - start, MADV_DOFORK); /* fails for the kernel's own mappings, which need no copy */
    }
    fclose(maps);
}

void park_threads(void)
{
    struct action action = {park, HANDLER_FLAGS, return_from_handler, ~0UL}, before;
    int known[MAX_THREADS], count = 0, now;
    if (prctl(PR_GET_TID_ADDRESS, &main_id) < 0)
        fail("PR_GET_TID_ADDRESS");
    if (syscall(SYS_rt_sigaction, PARK_SIGNAL, &action, &before, sizeof action.mask) < 0)
        fail("rt_sigaction");
    /* Repeat until there is no new thread: one may have started another before it was stopped. */
    while ((now = signal_others(known, count)) > count) {
        count = now;
        for (int parked; (parked = atomic_load(&parked_count)) < count;)
            wait_while(&parked_count, parked);
    }
    syscall(SYS_rt_sigaction, PARK_SIGNAL, &before, NULL, sizeof before.mask);
    copy_memory_on_fork(); /* no thread is left that could map more */
}

/* fork(3) of the C library assumes that a child has no other threads, and would reuse their stacks. */
pid_t fork_with_threads(void)
{
    if (!main_id)
        return fork();
    void *robust_list;
    size_t bytes;
    syscall(SYS_get_robust_list, 0, &robust_list, &bytes);
    /* The last two arguments are equal, because their order depends on the architecture. */
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, 0, 0, main_id, main_id);
    if (pid == 0)
        syscall(SYS_set_robust_list, robust_list, bytes);
    return pid;
}

static int resume(void *thread)
{
    longjmp(((struct thread *)thread)->position, 1);
}

void resume_threads(void)
{
    /* The flags of pthread_create(3). */
    static const int LIKE_THREADS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND | CLONE_THREAD |
                                    CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    for (int index = 0; index < atomic_load(&parked_count); index++) {
        struct thread *next = &threads[index];
        char *top = next->stack + sizeof next->stack;
        if (clone(resume, top, LIKE_THREADS, next, next->id, next->storage, next->id) < 0)
            fail("clone");
    }
}
