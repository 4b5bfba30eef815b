/* Fork a process that has threads, with its threads. */
#pragma once

#include <sys/types.h>

/* Stop all threads except this one for good. `fail` if they cannot be copied. */
void park_threads(void);
pid_t fork_with_threads(void);
/* In a child: start copies of the parked threads. */
void resume_threads(void);

/* Pre-fault the heap in a waiting child. It will write to most pages anyway, at the latest when it frees them at its
 * end, and one madvise() costs less than a fault per page. */
void prefault_heap(void);
