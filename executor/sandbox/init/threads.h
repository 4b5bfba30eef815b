/* Fork a process that has threads, with its threads. */
#pragma once

#include <sys/types.h>

/* Stop all threads except this one for good. `fail` if they cannot be copied. */
void park_threads(void);
pid_t fork_with_threads(void);
/* In a child: start copies of the parked threads. */
void resume_threads(void);
